import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { makeFolder, runCli, TextSink } from '../../test/harness/cli.ts'
import { makeScratch } from '../../test/harness/scratch.ts'
import { madeUp } from '../../test/harness/site.ts'
import { run } from '../cli.ts'

/** The command as it runs until it is stopped. */
async function startServe(t: TestContext, argv: readonly string[]) {
  process.env.XDG_CACHE_HOME = await makeScratch(t, 'cache')
  const [stdout, stderr, stop] = [new TextSink(), new TextSink(), new AbortController()]
  const done = run(['serve', ...argv, '--port', '0', '--no-seed'], { stdout, stderr, signal: stop.signal })
  t.after(async () => {
    stop.abort()
    await done
  })
  const said = async (sink: TextSink, pattern: RegExp) => {
    while (!pattern.test(sink.text)) await Promise.race([once(sink, 'text'), done])
    return pattern.exec(sink.text)?.[1] ?? ''
  }
  return { stdout, stderr, stop, done, said }
}

test('prints its URL, makes the manifest as asked, and stops in good order', async (t) => {
  const dir = await makeFolder(t, { 'index.html': '<head></head>', 'a.bin': madeUp('a', 200_000) })
  const serve = await startServe(t, [dir, '--min-size', '1', '--announce', 'wss://tracker.example/', '--no-inject'])
  const url = await serve.said(serve.stdout, /^serving .* at (http:\/\/127\.0\.0\.1:\d+\/)$/m)
  await serve.said(serve.stderr, /^(manifest of 1 file made)$/m)
  const manifest = await (await fetch(`${url}chunk-manifest.json`)).json()
  assert.deepEqual(manifest.mesh.announce, ['wss://tracker.example/'])
  assert.equal(await (await fetch(url)).text(), '<head></head>')
  assert.deepEqual((await readdir(dir)).sort(), ['a.bin', 'index.html'])
  serve.stop.abort()
  assert.equal(await serve.done, 0)
  await assert.rejects(fetch(url))
})

test('--egress is the limit that the metrics show', async (t) => {
  const dir = await makeFolder(t, { 'a.bin': 'a' })
  const serve = await startServe(t, [dir, '--egress', '32Mbit', '--json'])
  const url = await serve.said(serve.stdout, /"url":"([^"]*)".*\n$/)
  const metrics = await (await fetch(`${url}tributary/metrics`)).text()
  assert.match(metrics, /^tributary_origin_egress_limit_bytes 4000000$/m)
  const other = await runCli(['serve', dir, '--port', new URL(url).port])
  assert.equal(other.code, 1)
  assert.match(other.err, /^error: port \d+ on 127\.0\.0\.1 is in use - choose another with --port, or 0 for any\n$/)
})

test('wrong use', async (t) => {
  const dir = await makeFolder(t, {})
  for (const option of [
    ['--port', 'x'],
    ['--port', '65536'],
    ['--egress', '32'],
    ['--chunk-size', '1'],
  ]) {
    const { code, err } = await runCli(['serve', dir, ...option])
    assert.equal(code, 2, option.join(' '))
    assert.match(err, /^error: .+ - .+\n$/)
  }
})

test('what is not a folder is refused', async (t) => {
  const dir = await makeFolder(t, { 'index.html': '<head></head>' })
  const serve = await startServe(t, [`${dir}/index.html`])
  assert.equal(await serve.done, 1)
  assert.match(serve.stderr.text, /^error: cannot read \S+index\.html \(ENOTDIR\) - name a directory\n$/)
})
