import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { MANIFEST_NAME } from '../protocol/manifest.ts'
import { makeFolder } from '../test/harness/cli.ts'
import { writeManifestOf } from '../test/harness/seeding.ts'
import { SeederError } from './errors.ts'
import { ManifestSource } from './manifest-source.ts'

const open = (...folders: string[]) => new ManifestSource({ folders, maxOpen: 1 })

test('a swarm that leads outside is left out by name, the others are served', async (t) => {
  const dir = await makeFolder(t, { 'a.bin': 'a'.repeat(99), 'b.bin': 'b'.repeat(99), 'c.bin': 'c'.repeat(99) })
  await writeManifestOf(dir)
  const written = JSON.parse(await readFile(join(dir, MANIFEST_NAME), 'utf8'))
  written.swarms[0].files[0].path = '../secret.bin'
  written.swarms[2].files[0].path = '/etc/passwd'
  await writeFile(join(dir, MANIFEST_NAME), JSON.stringify(written))
  const { manifest, refused } = await open(dir).read()
  assert.deepEqual(
    manifest.swarms.map(({ files }) => files[0]?.path),
    ['b.bin'],
  )
  assert.deepEqual(refused, [
    'swarms[0].files[0].path: must be a plain relative path, is "../secret.bin"',
    'swarms[2].files[0].path: must be a plain relative path, is "/etc/passwd"',
  ])
})

test('the first folder with a manifest counts, and a change is seen once', async (t) => {
  const site = await makeFolder(t, { 'a.bin': 'a'.repeat(99) })
  const made = await makeFolder(t, { 'a.bin': 'a'.repeat(99) })
  await writeManifestOf(made)
  const source = open(site, made)
  assert.equal((await source.read()).manifest.swarms.length, 1)
  assert.equal(await source.hasChanged(), false)
  await writeManifestOf(site, ['--min-size', '1KiB'])
  assert.equal(await source.hasChanged(), true)
  assert.equal((await source.read()).manifest.swarms.length, 0)
  assert.equal(await source.hasChanged(), false)
})

test('a manifest that is broken as a whole is refused with what to do', async (t) => {
  const refusal = async (text: string | undefined) => {
    const dir = await makeFolder(t, text === undefined ? {} : { [MANIFEST_NAME]: text })
    const error = await open(dir)
      .read()
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
    assert.ok(error instanceof SeederError)
    assert.match(error.mend, /tributary manifest/)
    return error.message
  }
  assert.match(await refusal(undefined), /has no chunk-manifest\.json$/)
  assert.match(await refusal('{"version": 1, "swa'), /is not JSON$/)
  assert.match(await refusal('{"version": 2, "swarms": []}'), /version: must be 1/)
  assert.match(await refusal('{"version": 1, "swarms": [{}], "mesh": 3}'), /mesh: must be an object/)
})
