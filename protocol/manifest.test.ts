import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { ManifestError } from './errors.ts'
import { chunkCountOf } from './geometry.ts'
import { isExecutableType, type Manifest, parseManifest, type SwarmManifest, writeManifest } from './manifest.ts'
import type { ChunkIndex, InfoHash } from './units.ts'

interface Vectors {
  good: unknown
  bad: { field: string; why: string; manifest: unknown }[]
}
const { good, bad }: Vectors = JSON.parse(
  readFileSync(new URL('../test/vectors/manifest.json', import.meta.url), 'utf8'),
)

test('vector: the good manifest', () => {
  const manifest = parseManifest(good)
  assert.equal(manifest.disabled, false)
  assert.deepEqual(manifest.ignorableParameters, [])
  assert.deepEqual(manifest.mesh.announce, ['wss://tracker.example/announce', '/announce'])
  assert.deepEqual(manifest.mesh.iceServers[1], { urls: ['turn:turn.example'], username: 'u', credential: 'c' })
  const [swarm] = manifest.swarms
  assert.deepEqual(swarm?.files[1], {
    path: 'Flüsse & Ströme #1.pdf',
    size: 1,
    type: 'application/pdf',
    firstChunk: 2,
    chunkSize: 32768,
  })
  assert.deepEqual(JSON.parse(writeManifest(manifest)), good)
})

for (const { field, why, manifest } of bad) {
  test(`vector: bad ${field}: ${why}`, () => {
    assert.throws(
      () => parseManifest(manifest),
      (error) => error instanceof ManifestError && error.field === field && error.message.startsWith(`${field}: `),
    )
  })
}

test('what may be left out', () => {
  const manifest = parseManifest({ version: 1, swarms: [] })
  assert.deepEqual(manifest.mesh, { announce: [], iceServers: [] })
  assert.equal(parseManifest({ version: 1, disabled: true, swarms: [] }).disabled, true)
})

test('fields that this version does not know are no error', () => {
  assert.deepEqual(parseManifest({ version: 1, swarms: [], later: 1 }).swarms, [])
})

test('a lone surrogate is no path', () => {
  const swarm = JSON.parse(JSON.stringify(good))
  swarm.swarms[0].files[0].path = 'a\ud800'
  assert.throws(() => parseManifest(swarm), ManifestError)
})

const segment = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 6 })
  .filter((text) => !/[/\\\0]/.test(text) && text !== '.' && text !== '..')
const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join('/'))
const type = fc.constantFrom('video/mp4', 'application/octet-stream', 'text/plain; charset=utf-8')
const infoHash = fc.stringMatching(/^[0-9a-f]{40}$/).map((text) => text as InfoHash)

const manifests: fc.Arbitrary<Manifest> = fc
  .record({
    disabled: fc.boolean(),
    ignorableParameters: fc.array(fc.string(), { maxLength: 3 }),
    files: fc.uniqueArray(fc.record({ path, type, size: fc.integer({ min: 1, max: 2 ** 40 }) }), {
      selector: (file) => file.path,
      maxLength: 8,
    }),
    swarms: fc.array(fc.record({ infoHash, power: fc.integer({ min: 15, max: 24 }) }), { minLength: 1, maxLength: 4 }),
  })
  .map(({ disabled, ignorableParameters, files, swarms }) => ({
    version: 1,
    disabled,
    ignorableParameters,
    mesh: { announce: ['/announce'], iceServers: [] },
    swarms: swarms.map((swarm, i) =>
      swarmOf(
        swarm,
        files.filter((_, j) => j % swarms.length === i),
      ),
    ),
  }))

function swarmOf(
  { infoHash, power }: { infoHash: InfoHash; power: number },
  members: readonly { path: string; type: string; size: number }[],
): SwarmManifest {
  const chunkSize = 2 ** power
  let next = 0
  const files = members.map((member) => {
    const firstChunk = next as ChunkIndex
    next += chunkCountOf(member.size, chunkSize)
    return { ...member, firstChunk, chunkSize }
  })
  return {
    infoHash,
    chunkSize,
    chunkCount: next,
    hashes: `chunks/${infoHash}.sha256`,
    hashesDigest: `sha-256=:${'A'.repeat(43)}=:`,
    files,
  }
}

test('what is written is read back', () => {
  fc.assert(
    fc.property(manifests, (manifest) => {
      assert.deepEqual(parseManifest(JSON.parse(writeManifest(manifest))), manifest)
    }),
  )
})

test('any JSON gives a manifest or a ManifestError, nothing else', () => {
  const keys = ['version', 'swarms', 'mesh', 'files', 'path', 'size', 'type', 'chunkSize', 'infoHash', '__proto__']
  const likely = fc.dictionary(fc.constantFrom(...keys), fc.jsonValue(), { noNullPrototype: true })
  const value = fc.oneof(
    fc.jsonValue(),
    likely,
    likely.map((fields) => ({ version: 1, swarms: [fields] })),
    fc.tuple(fc.constantFrom(...keys), fc.jsonValue()).map(([key, other]) => ({ ...Object(good), [key]: other })),
  )
  fc.assert(
    fc.property(value, (json) => {
      try {
        parseManifest(json)
      } catch (error) {
        assert.ok(error instanceof ManifestError, String(error))
      }
    }),
    { numRuns: 1000 },
  )
})

test('types of files that only carry data are not executable', () => {
  for (const data of [
    'video/mp4',
    'application/octet-stream',
    'application/json',
    'application/vnd.apple.mpegurl',
    'text/plain',
    'text/csv',
    'text/html-like',
    'application/wasmx',
    'application/pdf',
    'font/woff2',
  ])
    assert.ok(!isExecutableType(data), data)
})
