import { bySwarm, byTracker, type Metric } from '../metrics.ts'
import { type Status, trackersText } from '../status-line.ts'
import type { EdgeStats, EdgeSwarmStats } from './stats.ts'

export const EDGE_METRICS: readonly Metric<EdgeStats>[] = [
  {
    name: 'tributary_edge_received_bytes_total',
    help: 'Bytes that came in, by swarm and by where they came from',
    labels: ['swarm', 'source'],
    read: ({ swarms }) => [
      ...received(swarms, 'origin', ({ bytes }) => bytes.origin),
      ...received(swarms, 'peers', ({ bytes }) => bytes.peers),
    ],
  },
  {
    name: 'tributary_edge_cache_bytes_total',
    help: 'Bytes that readers had from the store, by swarm',
    labels: ['swarm'],
    read: ({ swarms }) => bySwarm(swarms, ({ bytes }) => bytes.cache),
  },
  {
    name: 'tributary_edge_uploaded_bytes_total',
    help: 'Bytes of chunks sent to peers, by swarm',
    labels: ['swarm'],
    read: ({ swarms, uploaded }) => bySwarm(swarms, (swarm) => swarm.uploaded, uploaded),
  },
  {
    name: 'tributary_edge_hit_ratio',
    help: 'Share of the bytes that HTTP clients had since the start that came from the store',
    read: hitRatio,
  },
  { name: 'tributary_edge_http_bytes_total', help: 'Body bytes sent over HTTP', read: ({ http }) => http.bytes },
  {
    name: 'tributary_edge_http_passed_on_bytes_total',
    help: 'Those of them that came from the origin as they are, unverified and unstored',
    read: ({ http }) => http.passedOn,
  },
  {
    name: 'tributary_edge_http_answers_total',
    help: 'Answers over HTTP, by status',
    labels: ['status'],
    read: ({ http }) => [...http.answers].map(([status, value]) => ({ labels: { status: String(status) }, value })),
  },
  { name: 'tributary_edge_http_active', help: 'Answers under way', read: ({ http }) => http.active },
  { name: 'tributary_edge_http_connections', help: 'Open connections', read: ({ http }) => http.connections },
  { name: 'tributary_edge_peers', help: 'Connected peers over all swarms', read: ({ peers }) => peers },
  {
    name: 'tributary_edge_dht_links',
    help: 'Clients of the DHT that it is linked with',
    read: ({ dhtLinks }) => dhtLinks,
  },
  {
    name: 'tributary_edge_banned_peers_total',
    help: 'Peers that sent something with a wrong hash',
    read: ({ banned }) => banned,
  },
  {
    name: 'tributary_edge_swarms',
    help: 'Swarms: of the manifest, known to trackers, running',
    labels: ['state'],
    read: ({ listed, joined, awake }) =>
      Object.entries({ listed, joined, awake }).map(([state, value]) => ({ labels: { state }, value })),
  },
  {
    name: 'tributary_edge_queue_bytes',
    help: 'Bytes that wait: to be written to the store, to be sent to peers',
    labels: ['queue'],
    read: ({ store, sending }) => [
      { labels: { queue: 'store' }, value: store.pending },
      { labels: { queue: 'peers' }, value: sending },
    ],
  },
  { name: 'tributary_edge_readers', help: 'Readers under way', read: ({ readers }) => readers },
  { name: 'tributary_edge_store_bytes', help: 'Bytes that chunks take of the disk', read: ({ store }) => store.used },
  {
    name: 'tributary_edge_store_capacity_bytes',
    help: 'Bytes that they may take',
    read: ({ store }) => store.capacity,
  },
  {
    name: 'tributary_edge_evicted_bytes_total',
    help: 'Bytes given up to make room',
    read: ({ store }) => store.evictedBytes,
  },
  {
    name: 'tributary_edge_evictions_total',
    help: 'Records of some chunks each given up to make room',
    read: ({ store }) => store.evictedRuns,
  },
  {
    name: 'tributary_edge_spoilt_chunks_total',
    help: 'Chunks that the disk did not give back as they were; they are fetched again',
    read: ({ store }) => store.spoilt,
  },
  { name: 'tributary_edge_open_files', help: 'Files of chunks held open', read: ({ store }) => store.openFiles },
  {
    name: 'tributary_edge_tracker_connected',
    help: '1 while connected to the tracker',
    labels: ['url'],
    read: ({ trackers }) => byTracker(trackers),
  },
]

function received(swarms: readonly EdgeSwarmStats[], source: string, count: (swarm: EdgeSwarmStats) => number) {
  return bySwarm(swarms, count).map(({ labels, value }) => ({ labels: { ...labels, source }, value }))
}

function hitRatio({ swarms, http }: EdgeStats): number {
  const cached = swarms.reduce((sum, { bytes }) => sum + bytes.cache, 0)
  return http.bytes === 0 ? 0 : Math.min(1, cached / http.bytes)
}

/** Alive is healthy: to restart an edge brings neither its tracker nor its origin back. */
export function edgeHealth({ listed, peers, trackers, store }: EdgeStats) {
  const connected = [...trackers.values()].filter((isUp) => isUp).length
  return { ok: true, swarms: listed, peers, trackers: trackers.size, connected, stored: store.used }
}

export function edgeStatus(stats: EdgeStats): Status {
  const { http, peers, uploaded, store, trackers } = stats
  const gib = (bytes: number) => (bytes / 2 ** 30).toFixed(1)
  const hits = `hits: ${Math.round(100 * hitRatio(stats))} %`
  const disk = `store: ${gib(store.used)} of ${gib(store.capacity)} GiB`
  return {
    sent: http.bytes + uploaded,
    text: (sent) => `peers: ${peers}, sent: ${sent}, ${hits}, ${disk}, ${trackersText(trackers)}`,
  }
}
