import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
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

const CACHE = 64 * MiB

interface Reading {
  /** Two of them, by size. */
  readonly files: readonly (readonly [name: string, size: number])[]
  /** Bytes of each answer. */
  readonly stretch: number
}

/** Room for both: nothing is given up, so nothing that was stored may be gone. */
const WITHIN: Reading = {
  files: [
    ['a.bin', 24 * MiB],
    ['b.bin', 16 * MiB + 7],
  ],
  stretch: 900 * KiB,
}
/** More than fits: while the one is fetched, some of the other goes. */
const BEYOND: Reading = {
  files: [
    ['a.bin', 60 * MiB],
    ['b.bin', 50 * MiB + 7],
  ],
  stretch: 12 * MiB,
}

/** Reads stretches of both files through the edge until it is gone; each must be right. */
async function readOn(
  url: string,
  { files, stretch }: Reading,
  { round, answered }: { round: number; answered: () => void },
): Promise<void> {
  const contents = files.map(([name, size]) => ({ name, bytes: Buffer.from(madeUp(name, size)) }))
  for (let i = 0; ; i++) {
    const { name, bytes } = contents[(i + round) % 2] ?? { name: '', bytes: Buffer.alloc(0) }
    const start = ((i * 7 + round * 3) * MiB) % (bytes.length - stretch)
    const range = `bytes=${start}-${start + stretch - 1}`
    const body = await fetch(new URL(name, url), { headers: { range } })
      .then((response) => response.arrayBuffer())
      .catch(() => undefined)
    if (body === undefined) return
    assert.ok(Buffer.from(body).equals(bytes.subarray(start, start + stretch)), `${name} from ${start} on`)
    answered()
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

async function openCase(t: TestContext, reading: Reading) {
  const site = await openSite(t, { files: Object.fromEntries(reading.files) })
  const { swarms } = await site.manifest()
  const folder = join(await makeScratch(t, 'edge'), 'store')
  const args = [site.url, '--store', folder, '--http-port', '0', '--cache-size', String(CACHE), '--log-level', 'debug']
  const killAfter = async (answers: number, ms: number, round: number): Promise<SeedProcess> => {
    const edge = new SeedProcess(t, args)
    const { url = '' } = await edge.logged('serving files')
    const closed = once(edge.process, 'close')
    let left = answers
    await readOn(url, reading, {
      round,
      answered: () => {
        if (--left === 0) setTimeout(() => edge.process.kill('SIGKILL'), ms)
      },
    })
    await closed
    return edge
  }
  return { site, swarms, folder, args, killAfter }
}

test('killed again and again, an edge loses no chunk and keeps no wrong one', { timeout: 180_000 }, async (t) => {
  const { site, swarms, folder, args, killAfter } = await openCase(t, WITHIN)
  const promised = new Set<string>()
  const moments = [
    [1, 0],
    [12, 30],
    [3, 90],
    [30, 10],
    [7, 200],
  ] as const
  for (const [round, [answers, ms]] of moments.entries()) {
    const edge = await killAfter(answers, ms, round)
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

test('killed while it makes room, an edge keeps no wrong chunk and leaves nothing lying about', {
  timeout: 180_000,
}, async (t) => {
  const { site, swarms, folder, killAfter } = await openCase(t, BEYOND)
  for (const [round, ms] of [20, 150, 70].entries()) {
    await killAfter(9, ms, round)
    const held = await chunksIn(folder, site, swarms)
    assert.ok(held.size > 0)
    const { stdout } = spawnSync('du', ['-s', '-B1', join(folder, 'runs')], { encoding: 'utf8' })
    assert.ok(Number(/^\d+/.exec(stdout)?.[0]) <= CACHE + MiB, stdout)
  }
})
