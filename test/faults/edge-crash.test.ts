import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { bytesOfChunk } from '../../protocol/geometry.ts'
import type { SwarmManifest } from '../../protocol/manifest.ts'
import { type ChunkIndex, type InfoHash, KiB, MiB } from '../../protocol/units.ts'
import { openLevelDb } from '../../store/leveldb.ts'
import { makeScratch } from '../harness/scratch.ts'
import { SeedProcess } from '../harness/seed-process.ts'
import { madeUp, openSite, type Site } from '../harness/site.ts'

const FILES = { 'a.bin': 24 * MiB, 'b.bin': 16 * MiB + 7 }
/** Room for both: nothing is given up, so nothing that was stored may be gone. */
const CACHE = '64MiB'

/** Reads stretches of both files through the edge until it is gone; each must be right. */
async function readOn(url: string, round: number): Promise<number> {
  let answers = 0
  for (let i = 0; ; i++) {
    const name = (i + round) % 2 === 0 ? 'a.bin' : 'b.bin'
    const start = ((i * 7 + round * 3) * MiB) % (FILES[name] - MiB)
    const range = `bytes=${start}-${start + 900 * KiB}`
    const body = await fetch(new URL(name, url), { headers: { range } })
      .then((response) => response.arrayBuffer())
      .catch(() => undefined)
    if (body === undefined) return answers
    const expected = Buffer.from(madeUp(name, FILES[name])).subarray(start, start + 900 * KiB + 1)
    assert.ok(Buffer.from(body).equals(expected), `${name} from ${start} on`)
    answers++
  }
}

/** Every chunk that the store says it has, against the site's files. @returns what it has, as `swarm/chunk` */
async function chunksIn(folder: string, site: Site, swarms: readonly SwarmManifest[]): Promise<Set<string>> {
  const store = await openLevelDb(folder)
  const held = new Set<string>()
  try {
    for (const { infoHash, files } of swarms) {
      const [file] = files
      assert.ok(file)
      const bytes = await readFile(join(site.dir, file.path))
      for (const { first, after } of await store.runs(infoHash))
        for (let chunk: number = first; chunk < after; chunk++) {
          const { start, end } = bytesOfChunk(file, chunk as ChunkIndex)
          const stored = await store.read(infoHash, chunk as ChunkIndex)
          assert.ok(stored && bytes.subarray(start, end).equals(stored), `chunk ${chunk} of ${file.path}`)
          held.add(`${infoHash}/${chunk}`)
        }
    }
  } finally {
    await store.close()
  }
  return held
}

/** What an edge has said that it stored. */
function storedBy({ lines }: SeedProcess): string[] {
  return lines
    .filter(({ message }) => message === 'stored')
    .flatMap(({ swarm, first = 0, after = 0 }) =>
      Array.from({ length: after - first }, (_, i) => `${swarm as InfoHash}/${first + i}`),
    )
}

async function killAfter(t: TestContext, args: readonly string[], ms: number, round: number): Promise<SeedProcess> {
  const edge = new SeedProcess(t, args)
  const { url = '' } = await edge.logged('serving files')
  const reading = readOn(url, round)
  await new Promise((resolve) => setTimeout(resolve, ms))
  const closed = once(edge.process, 'close')
  edge.process.kill('SIGKILL')
  await closed
  assert.ok((await reading) > 0, 'it was killed before it had answered anything')
  return edge
}

test('killed again and again, an edge loses no chunk and keeps no wrong one', { timeout: 180_000 }, async (t) => {
  const site = await openSite(t, { files: FILES })
  const { swarms } = await site.manifest()
  const folder = join(await makeScratch(t, 'edge'), 'store')
  const args = [site.url, '--store', folder, '--http-port', '0', '--cache-size', CACHE, '--log-level', 'debug']
  const promised = new Set<string>()
  for (const [round, ms] of [250, 900, 400, 1_500, 650].entries()) {
    const edge = await killAfter(t, args, ms, round)
    for (const chunk of storedBy(edge)) promised.add(chunk)
    const held = await chunksIn(folder, site, swarms)
    for (const chunk of promised) assert.ok(held.has(chunk), `${chunk} was lost in round ${round}`)
  }
  assert.ok(promised.size > 100, `only ${promised.size} chunks were stored`)
  // Opening the store to look at it has closed it in good order.
  const last = new SeedProcess(t, args)
  await last.logged('serving files')
  assert.equal(last.lines.filter(({ message }) => message.includes('good order')).length, 0)
  assert.equal(await last.stop('SIGTERM'), 0)
})
