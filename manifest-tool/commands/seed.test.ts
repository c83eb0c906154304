import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { KiB, MiB } from '../../protocol/units.ts'
import { makeFolder, runCli } from '../../test/harness/cli.ts'
import { fetchAll, openNodePeer, untilOffered } from '../../test/harness/node-peer.ts'
import { SeedProcess } from '../../test/harness/seed-process.ts'
import { openSeedSite, swarmOf, writeManifestOf } from '../../test/harness/seeding.ts'
import { madeUp } from '../../test/harness/site.ts'

test('seed serves, tells its metrics, reloads on SIGHUP and stops in good order', { timeout: 90_000 }, async (t) => {
  const film = madeUp('film', 2 * MiB)
  const site = await openSeedSite(t, { 'film.bin': film })
  const seed = new SeedProcess(t, [site.dir, '--origin', site.url, '--metrics-port', '0'])
  const { url = '' } = await seed.logged('serving metrics')
  await seed.logged('connected to the tracker')

  const { swarm, hashes } = await swarmOf(site.dir, 'film.bin')
  const driver = (await openNodePeer(t, [site.tracker])).join(swarm, hashes)
  await untilOffered(driver, swarm.chunkCount, swarm.chunkCount)
  const chunks = await fetchAll(driver, swarm.chunkCount)
  assert.ok(Buffer.concat(chunks.map((chunk) => chunk ?? new Uint8Array())).equals(film))

  const metrics = await (await fetch(url)).text()
  assert.match(
    metrics,
    new RegExp(`^tributary_seeder_uploaded_bytes_total\\{swarm="${swarm.infoHash}"\\} ${2 * MiB}$`, 'm'),
  )
  assert.match(metrics, /^tributary_seeder_peers 1$/m)
  assert.match(
    metrics,
    new RegExp(`^tributary_seeder_chunk_reads_total\\{result="verified"\\} ${swarm.chunkCount}$`, 'm'),
  )
  const health = await fetch(new URL('/healthz', url))
  assert.deepEqual(await health.json(), { ok: true, swarms: 1, peers: 1, trackers: 1, connected: 1 })
  assert.equal((await fetch(new URL('/etc/passwd', url))).status, 404)

  await writeFile(join(site.dir, 'more.bin'), madeUp('more', 200 * KiB))
  seed.process.kill('SIGHUP')
  await seed.logged('reloaded')
  assert.equal(await seed.stop('SIGTERM'), 0)
  assert.equal(seed.lines[seed.lines.length - 1]?.message, 'stopped')
})

test('a tracker that is away is tried again and again', { timeout: 60_000 }, async (t) => {
  const site = await openSeedSite(t, { 'a.bin': madeUp('a', 64 * KiB) })
  const { port } = site.server
  await site.server.close()
  const seed = new SeedProcess(t, [site.dir, '--announce', `ws://127.0.0.1:${port}/announce`])
  const { level } = await seed.logged('the tracker cannot be reached')
  assert.equal(level, 'warn')
  await site.reopen(port)
  await seed.logged('connected to the tracker')
  assert.equal(seed.lines.filter((line) => line.level === 'warn').length, 1)
  assert.equal(await seed.stop('SIGINT'), 0)
})

test('wrong use is told with what to do instead', async (t) => {
  const dir = await makeFolder(t, { 'a.bin': madeUp('a', 64 * KiB) })
  const seed = async (...args: string[]) => {
    const { code, err } = await runCli(['seed', ...args])
    return `${code} ${err.trim()}`
  }
  assert.match(await seed(dir), /^1 error: .* has no chunk-manifest\.json - make one with: tributary manifest /)
  assert.match(await seed(join(dir, 'nowhere')), /^1 error: cannot read .*nowhere \(ENOENT\) - /)
  await writeManifestOf(dir)
  assert.match(await seed(dir), /^1 error: .*\/announce is a path on the site's own host - .*--origin .*--announce/)
  assert.match(await seed(dir, '--announce', 'https://t.example/'), /^2 error: .* is not a ws: or wss: URL - /)
  assert.match(await seed(dir, '--origin', 'example.org'), /^2 error: .* is not an http: or https: URL - /)
  assert.match(await seed(dir, '--upload-limit', 'much'), /^2 error: much is not a rate - /)
  assert.match(await seed(dir, '--max-peers', '0'), /^2 error: --max-peers 0 is out of range - /)
  assert.match(await seed(dir, '--peer-upload-limit', '?'), /^2 error: \? is not a rate - /)
  assert.match(await seed(dir, '--http-port', '80'), /^2 error: --http-port is for an edge - give the URL of the site/)
  assert.match(await seed(dir, '--log-level', 'loud'), /^2 error: --log-level loud is none - /)
})
