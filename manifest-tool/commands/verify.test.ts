import assert from 'node:assert/strict'
import { appendFile, open, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeFolder, runCli } from '../../test/harness/cli.ts'
import { madeUp } from '../../test/harness/site.ts'

const MiB = 2 ** 20
const CHUNK = 64 * 1024

async function makeSite(t: Parameters<typeof makeFolder>[0]): Promise<string> {
  const dir = await makeFolder(t, { 'x/a.bin': madeUp('a', 2 * MiB + 5), 'x/b.bin': madeUp('b', 3 * MiB) })
  assert.equal((await runCli(['manifest', dir, '--bundle', 'x/*', '--chunk-size', '64KiB'])).code, 0)
  return dir
}

async function flipByte(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+')
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at)
  await file.write(Buffer.of((buffer[0] ?? 0) ^ 1), 0, 1, at)
  await file.close()
}

test('a site as it was hashed is good', async (t) => {
  const dir = await makeSite(t)
  const { code, out, err } = await runCli(['verify', dir])
  assert.deepEqual([code, out, err], [0, 'all good: 2 files, 81 chunks\n', ''])
})

test('each bad chunk is named with its bytes', async (t) => {
  const dir = await makeSite(t)
  await flipByte(join(dir, 'x/a.bin'), 5 * CHUNK)
  await flipByte(join(dir, 'x/a.bin'), 2 * MiB + 4)
  await flipByte(join(dir, 'x/b.bin'), 3 * MiB - 1)
  const { code, out, err } = await runCli(['verify', dir])
  assert.equal(code, 1)
  assert.deepEqual(out.trim().split('\n'), [
    'x/a.bin: chunk 5 is bad, bytes 327680-393215',
    'x/a.bin: chunk 32 is bad, bytes 2097152-2097156',
    'x/b.bin: chunk 80 is bad, bytes 3080192-3145727',
  ])
  assert.match(err, /^error: 2 files not as in the manifest - /)
})

test('as JSON', async (t) => {
  const dir = await makeSite(t)
  await flipByte(join(dir, 'x/a.bin'), 0)
  const { code, out } = await runCli(['verify', dir, '--json'])
  assert.equal(code, 1)
  assert.deepEqual(JSON.parse(out), {
    good: false,
    files: 2,
    chunks: 81,
    problems: [{ kind: 'chunk', path: 'x/a.bin', chunk: 0, start: 0, end: CHUNK }],
  })
})

test('files that are missing, shorter or longer', async (t) => {
  const dir = await makeSite(t)
  await appendFile(join(dir, 'x/b.bin'), 'more')
  await truncate(join(dir, 'x/a.bin'), 2 * MiB - 1)
  const { code, out } = await runCli(['verify', dir])
  assert.equal(code, 1)
  assert.deepEqual(out.trim().split('\n'), [
    'x/a.bin: has 2097151 bytes, should have 2097157',
    'x/a.bin: chunk 31 is bad, bytes 2031616-2097151',
    'x/a.bin: chunk 32 is bad, bytes 2097152-2097156',
    'x/b.bin: has 3145732 bytes, should have 3145728',
  ])
  await rm(join(dir, 'x/a.bin'))
  assert.match((await runCli(['verify', dir])).out, /^x\/a\.bin: is missing$/m)
})

test('hash files are checked too', async (t) => {
  const dir = await makeSite(t)
  const name = (await readdir(join(dir, 'chunks'))).find((file) => file.endsWith('.sha256')) ?? ''
  await flipByte(join(dir, 'chunks', name), 7)
  const { code, out } = await runCli(['verify', dir])
  assert.equal(code, 1)
  assert.match(out, /is not the file that the manifest means/)
})

test('no manifest, or a broken one', async (t) => {
  const dir = await makeFolder(t, {})
  const none = await runCli(['verify', dir])
  assert.equal(none.code, 1)
  assert.match(none.err, /^error: .* has no chunk-manifest\.json - make one with: tributary manifest /)
  for (const text of ['', '[]', '{"version":2}']) {
    await writeFile(join(dir, 'chunk-manifest.json'), text)
    const broken = await runCli(['verify', dir])
    assert.equal(broken.code, 1)
    assert.match(broken.err, /^error: .*chunk-manifest\.json.* - make a new one with tributary manifest\n$/)
  }
})
