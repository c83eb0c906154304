import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { MiB } from '../../protocol/units.ts'
import { runCli } from '../../test/harness/cli.ts'
import { makeScratch } from '../../test/harness/scratch.ts'
import { SeedProcess } from '../../test/harness/seed-process.ts'
import { madeUp, openSite } from '../../test/harness/site.ts'

const FILM = 'film.bin'
const film = Buffer.from(madeUp(FILM, 4 * MiB))

test('an edge mirrors a site, tells its metrics, and has everything after a restart', {
  timeout: 90_000,
}, async (t) => {
  const site = await openSite(t, { files: { [FILM]: film } })
  const store = join(await makeScratch(t, 'edge'), 'store')
  const args = [site.url, '--store', store, '--http-port', '0', '--metrics-port', '0', '--cache-size', '64MiB']
  const edge = new SeedProcess(t, args)
  const { url = '' } = await edge.logged('serving files')
  const { url: metricsUrl = '' } = await edge.logged('serving metrics')
  const get = async (from: string) => Buffer.from(await (await fetch(new URL(FILM, from))).arrayBuffer())
  assert.ok((await get(url)).equals(film))
  assert.ok((await get(url)).equals(film))
  const metrics = await (await fetch(metricsUrl)).text()
  assert.match(
    metrics,
    new RegExp(`^tributary_edge_received_bytes_total\\{swarm="[0-9a-f]{40}",source="origin"\\} ${4 * MiB}$`, 'm'),
  )
  assert.match(metrics, new RegExp(`^tributary_edge_http_bytes_total ${8 * MiB}$`, 'm'))
  assert.match(metrics, /^tributary_edge_hit_ratio 0\.5$/m)
  assert.match(metrics, /^tributary_edge_http_answers_total\{status="200"\} 2$/m)
  const health = await (await fetch(new URL('/healthz', metricsUrl))).json()
  assert.deepEqual([health.ok, health.swarms, health.trackers], [true, 1, 1])

  edge.process.kill('SIGHUP')
  await edge.logged('reloaded')
  const started = Date.now()
  assert.equal(await edge.stop('SIGTERM'), 0)
  assert.ok(Date.now() - started < 5_000, `it took ${Date.now() - started} ms to stop`)
  assert.equal(edge.lines.at(-1)?.message, 'stopped')

  await site.stop()
  const again = new SeedProcess(t, args)
  const { url: newUrl = '' } = await again.logged('serving files')
  assert.ok((await get(newUrl)).equals(film))
  assert.equal(again.lines.filter(({ message }) => message.includes('good order')).length, 0)
  assert.equal(await again.stop('SIGINT'), 0)
})

test('a download that is under way is finished when the edge is told to stop', { timeout: 60_000 }, async (t) => {
  const site = await openSite(t, { files: { [FILM]: film } })
  site.setEgress(3 * MiB)
  const store = join(await makeScratch(t, 'edge'), 'store')
  const edge = new SeedProcess(t, [site.url, '--store', store, '--http-port', '0'])
  const { url = '' } = await edge.logged('serving files')
  const response = await fetch(new URL(FILM, url))
  const stopping = edge.stop('SIGTERM')
  assert.ok(Buffer.from(await response.arrayBuffer()).equals(film))
  assert.equal(await stopping, 0)
})

test('what an operator can mend is told with how, and with an exit code', { timeout: 60_000 }, async (t) => {
  const site = await openSite(t, { files: { [FILM]: film } })
  const store = join(await makeScratch(t, 'edge'), 'store')
  const seed = async (...args: string[]) => {
    const { code, err } = await runCli(['seed', ...args])
    return `${code} ${err.trim()}`
  }
  assert.match(await seed('ftp://example.org/'), /^2 error: ftp:\/\/example\.org\/ is not an http: or https: URL - /)
  assert.match(await seed(site.url, '--cache-size', '1MiB'), /^2 error: --cache-size 1MiB is too little - use at least/)
  assert.match(await seed(site.url, '--memory', 'lots'), /^2 error: lots is not a size - /)
  assert.match(await seed(site.url, '--http-port', '-1'), /^2 error: --http-port -1 is out of range - /)
  const port = new URL(site.url).port
  assert.match(
    await seed(site.url, '--store', store, '--http-port', port),
    /^1 error: 127\.0\.0\.1:\d+ is in use - choose another port with --http-port/,
  )
  assert.match(
    await seed(site.url, '--store', store, '--metrics-port', port),
    /^1 error: metrics cannot be served at .* \(EADDRINUSE\) - choose another port/,
  )
  const edge = new SeedProcess(t, [site.url, '--store', store, '--http-port', '0'])
  await edge.logged('serving files')
  assert.match(await seed(site.url, '--store', store), /^1 error: .*store is used by another process - stop that one/)
  assert.equal(await edge.stop('SIGTERM'), 0)
  await site.stop()
  const elsewhere = join(await makeScratch(t, 'edge'), 'store')
  assert.match(await seed(site.url, '--store', elsewhere), /^1 error: .*cannot be reached \(ECONNREFUSED\) - check the/)
})
