import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { blocksOf, leafWidth, merkleRoot } from '../../protocol/merkle.ts'
import { KiB, MiB } from '../../protocol/units.ts'
import { openChromium } from '../harness/chromium.ts'
import { openFirefox } from '../harness/firefox.ts'
import { bytesOf, type MeshSetting } from '../harness/page/mesh-kit.ts'
import type {} from '../harness/page/mesh-page.ts' // declares window.meshKit
import { eventually } from '../harness/poll.ts'
import { openSite, type Site } from '../harness/site.ts'
import type { Tab } from '../harness/tab.ts'

const CHUNK_COUNT = 32
const TOTAL = CHUNK_COUNT * 256 * KiB
const RAW_BYTES = 16 * MiB

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()

/** A swarm of its own for each test. */
function newSwarm(): MeshSetting {
  const hashes = Array.from({ length: CHUNK_COUNT }, (_, i) =>
    merkleRoot(blocksOf(bytesOf(i)).map(sha256), leafWidth(TOTAL, 256 * KiB), sha256),
  )
  return {
    infoHash: randomBytes(20).toString('hex'),
    chunkCount: CHUNK_COUNT,
    hashes: hashes.flatMap((hash) => [...hash]),
  }
}

async function openMeshSite(t: TestContext): Promise<Site> {
  const source = fileURLToPath(new URL('../harness/page/mesh-page.ts', import.meta.url))
  const { outputFiles } = await build({
    entryPoints: [source],
    bundle: true,
    write: false,
    format: 'iife',
    target: 'es2022',
  })
  const page = '<!doctype html><title>Mesh</title><script src="/mesh-page.js"></script>'
  return await openSite(t, { inject: false, files: { 'mesh.html': page, 'mesh-page.js': outputFiles[0]?.text ?? '' } })
}

async function enter(tab: Tab, site: Site, swarm: MeshSetting, content: 'nothing' | 'right' | 'wrong'): Promise<void> {
  await tab.goto(site.at('mesh.html'))
  await tab.evaluate(({ swarm, content }) => window.meshKit.mesh.join(swarm, content), { swarm, content } as const)
}

function untilAvailable(tab: Tab): Promise<unknown> {
  return eventually(
    () => tab.evaluate(() => window.meshKit.mesh.status()),
    ({ available }) => available === CHUNK_COUNT,
  )
}

/** Megabytes a second from one page to the other, without us. */
async function rawRate(from: Tab, to: Tab): Promise<number> {
  const make = () => {
    window.meshKit.channel = window.meshKit.newChannel()
  }
  await Promise.all([from.evaluate(make), to.evaluate(make)])
  const offer = await from.evaluate(() => window.meshKit.channel?.offer() ?? '')
  const answer = await to.evaluate((offer) => window.meshKit.channel?.answer(offer) ?? '', offer)
  await from.evaluate(({ answer, bytes }) => window.meshKit.channel?.send(answer, bytes), { answer, bytes: RAW_BYTES })
  const { ms } = await eventually(
    () => to.evaluate(() => window.meshKit.channel?.progress() ?? { bytes: 0, ms: 0 }),
    ({ bytes }) => bytes >= RAW_BYTES,
  )
  await Promise.all([from, to].map((tab) => tab.evaluate(() => window.meshKit.channel?.close())))
  return RAW_BYTES / ms / 1000
}

async function exchange(t: TestContext, seeder: Tab, leecher: Tab): Promise<void> {
  const site = await openMeshSite(t)
  const swarm = newSwarm()
  await enter(seeder, site, swarm, 'right')
  await enter(leecher, site, swarm, 'nothing')
  await untilAvailable(leecher)
  const { right, ms } = await leecher.evaluate(() => window.meshKit.mesh.fetchAll())
  assert.equal(right, CHUNK_COUNT)
  await eventually(
    () => seeder.evaluate(() => window.meshKit.mesh.status()),
    ({ uploaded }) => uploaded === TOTAL,
  )
  await Promise.all([seeder, leecher].map((tab) => tab.evaluate(() => window.meshKit.mesh.close())))
  const raw = await rawRate(seeder, leecher)
  t.diagnostic(`${(TOTAL / ms / 1000).toFixed(1)} MB/s verified, ${raw.toFixed(1)} MB/s over a bare data channel`)
}

test('two Chromiums exchange a swarm', { timeout: 120_000 }, async (t) => {
  await exchange(t, await (await openChromium(t)).tab(), await (await openChromium(t)).tab())
})

test('Chromium gives to Firefox', { timeout: 120_000 }, async (t) => {
  await exchange(t, await (await openChromium(t)).tab(), await (await openFirefox(t)).tab())
})

test('Firefox gives to Chromium', { timeout: 120_000 }, async (t) => {
  await exchange(t, await (await openFirefox(t)).tab(), await (await openChromium(t)).tab())
})

test('a browser that sends wrong bytes is banned, and another delivers', { timeout: 120_000 }, async (t) => {
  const site = await openMeshSite(t)
  const swarm = newSwarm()
  const [liar, honest, victim] = [
    await (await openChromium(t)).tab(),
    await (await openChromium(t)).tab(),
    await (await openChromium(t)).tab(),
  ]
  await enter(liar, site, swarm, 'wrong')
  await enter(victim, site, swarm, 'nothing')
  await untilAvailable(victim)
  const fetched = victim.evaluate(() => window.meshKit.mesh.fetchAll())
  await enter(honest, site, swarm, 'right')
  assert.equal((await fetched).right, CHUNK_COUNT)
  assert.deepEqual(
    await eventually(
      () => liar.evaluate(() => window.meshKit.mesh.status().peers),
      (peers) => peers <= 1,
    ),
    1,
    'the liar keeps the honest peer alone',
  )
})
