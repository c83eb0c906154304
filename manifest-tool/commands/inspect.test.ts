import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeFolder, runCli } from '../../test/harness/cli.ts'
import { madeUp } from '../../test/harness/site.ts'
import { startServer } from '../serve/start-server.ts'

test('a folder, its manifest and its URL show the same', async (t) => {
  const dir = await makeFolder(t, { 'videos/a.mp4': madeUp('a', 2 ** 21), 'b.bin': madeUp('b', 3_000_000) })
  assert.equal((await runCli(['manifest', dir, '--ice-server', 'stun:stun.example'])).code, 0)
  const server = await startServer({ dir })
  t.after(() => server.close())
  const where = [dir, join(dir, 'chunk-manifest.json'), server.url, `${server.url}chunk-manifest.json`]
  const shown = await Promise.all(where.map((place) => runCli(['inspect', place])))
  for (const { code, out, err } of shown) {
    assert.equal(code, 0, err)
    const [, ...lines] = out.split('\n')
    assert.deepEqual(lines.slice(0, 3), [
      'trackers: /announce',
      'ICE servers: stun:stun.example',
      '2 files in 2 swarms, 156 chunks, 4.9 MiB',
    ])
    assert.match(out, /^videos\/a\.mp4 {2}2 MiB {4}video\/mp4 +64 x 32 KiB {2}[0-9a-f]{12}$/m)
  }
  const json = JSON.parse((await runCli(['inspect', dir, '--json'])).out)
  assert.equal(json.files, 2)
  assert.equal(json.manifest.swarms.length, 2)
})

test('a file name with a line break stays on its line', async (t) => {
  const dir = await makeFolder(t, { 'two\nlines\u001b[2J.bin': madeUp('a', 2 ** 21) })
  assert.equal((await runCli(['manifest', dir])).code, 0)
  const { out } = await runCli(['inspect', dir])
  assert.match(out, /^file +size .+\ntwo\\u000alines\\u001b\[2J\.bin +2 MiB .+\n$/m)
})

test('what is not there is said in one line', async (t) => {
  const dir = await makeFolder(t, {})
  const server = await startServer({ dir })
  const { url } = server
  const missing = await runCli(['inspect', `${url}nothing.json`])
  await server.close()
  const gone = await runCli(['inspect', url])
  for (const { code, err } of [missing, gone, await runCli(['inspect', join(dir, 'no')])]) {
    assert.equal(code, 1)
    assert.match(err, /^error: .+ - .+\n$/)
  }
})

test('a folder without a manifest is told apart from one that is not there', async (t) => {
  const dir = await makeFolder(t, {})
  const { code, err } = await runCli(['inspect', dir])
  assert.equal(code, 1)
  assert.equal(err, `error: ${dir} has no chunk-manifest.json - make one with: tributary manifest ${dir}\n`)
})
