import { readFileSync } from 'node:fs'

/** What one run of the simulator does. Durations are virtual. */
export interface Scenario {
  readonly name: string
  readonly seed: number
  readonly nodes: number
  readonly links: number
  readonly medianRttMs: number
  /** Round trips until a connection is open, once both sides have the other's description: ICE, DTLS, SCTP. */
  readonly handshakeRtts: number
  /** To gather candidates for an offer or an answer. */
  readonly gatherMs: number
  /** Between the arrival of a message and what follows from it. */
  readonly processingMs: number
  /** Share of connections that do not come about, as routers forbid it. */
  readonly dialFailures: number
  /** Characters of a session description. */
  readonly descriptionLength: number
  /** Nodes come one after the other over this time. 0: all are there at once, and linked as they would be in the end. */
  readonly joinS: number
  /** Then the network is left alone, and then measured. */
  readonly settleS: number
  readonly measureS: number
  /** Half of all nodes leave within this time, and as many others come; 0 for never. */
  readonly halfLifeMin: number
  /** Share of those who leave that nobody notices until their connections time out. */
  readonly silentLeaves: number
  readonly timeoutS: readonly [number, number]
  /** Nodes in a swarm on average, and how much more popular the first is than the second and so on: 0 for all the same. */
  readonly nodesPerSwarm: number
  readonly popularity: number
  /** Of each node, for a swarm that it is not in; all swarms are sought equally often. */
  readonly searchesPerMin: number
  /** Share of searches after which the provider is connected to, through the mesh. */
  readonly connects: number
  readonly hostile: Hostility
}

export interface Hostility {
  readonly share: number
  /** See `attacks/`. */
  readonly kind:
    | 'none'
    | 'silent'
    | 'poison'
    | 'eclipse'
    | 'discourage'
    | 'forge'
    | 'flood'
    | 'sybil'
    | 'announce'
    | 'cast'
    | 'impersonate'
    | 'garble'
  /** Bits of the victim's key that the ids of hostile nodes were made to share, by trying. */
  readonly groundBits?: number
  /** Messages of a flood on each link. */
  readonly perSecond?: number
}

export type ScenarioChange = Partial<Scenario> & { readonly name: string }

interface ScenarioFile {
  readonly common: Scenario
  readonly scenarios: readonly ScenarioChange[]
}

const file: ScenarioFile = JSON.parse(readFileSync(new URL('scenarios.json', import.meta.url), 'utf8'))

/** @throws RangeError for a name that the file does not have */
export function scenario(name: string, changes: Partial<Scenario> = {}): Scenario {
  const found = file.scenarios.find((one) => one.name === name)
  if (found === undefined) throw new RangeError(`no scenario is called ${name}`)
  return { ...file.common, ...found, ...changes }
}
