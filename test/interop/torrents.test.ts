import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { link, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Manifest, parseManifest } from '../../protocol/manifest.ts'
import { makeFolder, runCli } from '../harness/cli.ts'
import { makeScratch } from '../harness/scratch.ts'
import { madeUp } from '../harness/site.ts'

// Other BitTorrent implementations load our torrents and find our files complete. Both are Debian packages:
// python3-libtorrent (v1 and v2, all hashes) and aria2 (v1).

const run = promisify(execFile)
const script = fileURLToPath(new URL('check-torrent.py', import.meta.url))
const python = ['/usr/bin/python3', 'python3'].find((path) => spawnSync(path, ['-c', 'import libtorrent']).status === 0)
const aria2 = spawnSync('aria2c', ['--version']).status === 0
const noLibtorrent = python === undefined && 'libtorrent is not installed (Debian: apt-get install python3-libtorrent)'
const noAria2 = !aria2 && 'aria2 is not installed (Debian: apt-get install aria2)'

const FILES = {
  'videos/a.mp4': madeUp('a', 3_000_001),
  'Flüsse & Ströme #1%.pdf': madeUp('pdf', 1_234_567),
  'hls/low/1.ts': madeUp('1', 100_000),
  'hls/low/2.ts': madeUp('2', 65_536),
  'hls/low/10.ts': madeUp('10', 5),
  'hls/high/1.ts': madeUp('h1', 400_000),
  'hls/high/\u{1f30a}.ts': madeUp('wave', 70_000),
  'hls/high/\uffee.ts': madeUp('half', 40_000),
}

interface Made {
  readonly dir: string
  readonly manifest: Manifest
}

async function makeSite(t: TestContext): Promise<Made> {
  const dir = await makeFolder(t, FILES)
  const links = ['--announce', 'wss://tracker.example/', '--origin', 'https://example.org/']
  const { code, err } = await runCli(['manifest', dir, '--bundle', 'hls/**', '--chunk-size', '64KiB', ...links])
  assert.equal(code, 0, err)
  return { dir, manifest: parseManifest(JSON.parse(await readFile(join(dir, 'chunk-manifest.json'), 'utf8'))) }
}

/** Where a client would have saved the files of a swarm: below the torrent's name. */
async function savedAs(t: TestContext, { dir, manifest }: Made, swarm: number): Promise<string> {
  const folder = await makeScratch(t, 'saved')
  const files = manifest.swarms[swarm]?.files ?? []
  for (const { path } of files) {
    const saved = join(folder, files.length === 1 ? (path.split('/').at(-1) ?? '') : path)
    await mkdir(dirname(saved), { recursive: true })
    await link(join(dir, path), saved)
  }
  return folder
}

test('libtorrent finds every file complete by the hashes of v1 and v2', { skip: noLibtorrent }, async (t) => {
  const made = await makeSite(t)
  assert.equal(made.manifest.swarms.length, 3)
  for (const [i, swarm] of made.manifest.swarms.entries()) {
    const torrent = join(made.dir, swarm.torrent ?? '')
    const { stdout } = await run(python ?? '', [script, torrent, await savedAs(t, made, i)])
    const seen = JSON.parse(stdout)
    assert.equal(seen.complete, true, stdout)
    assert.equal(seen.v1, swarm.infoHash)
    assert.notEqual(seen.v2, '0'.repeat(64))
    assert.equal(seen.pieces, swarm.chunkCount)
    assert.deepEqual(seen.trackers, ['wss://tracker.example/'])
    assert.equal(seen.webSeeds.length, 1)
  }
})

test('libtorrent sees a changed byte', { skip: noLibtorrent }, async (t) => {
  const made = await makeSite(t)
  const file = await readFile(join(made.dir, 'videos/a.mp4'))
  file[2_999_999] = (file[2_999_999] ?? 0) ^ 1
  await writeFile(join(made.dir, 'videos/a.mp4'), file)
  const at = made.manifest.swarms.findIndex((swarm) => swarm.files[0]?.path === 'videos/a.mp4')
  const torrent = join(made.dir, made.manifest.swarms[at]?.torrent ?? '')
  const { stdout } = await run(python ?? '', [script, torrent, await savedAs(t, made, at)])
  assert.equal(JSON.parse(stdout).complete, false)
})

// It does not know padding files (BEP 47), so bundles stay incomplete for it.
test('aria2 finds single files complete by the hashes of v1', { skip: noAria2 }, async (t) => {
  const made = await makeSite(t)
  for (const [i, swarm] of made.manifest.swarms.entries()) {
    if (swarm.files.length > 1) continue
    const folder = await savedAs(t, made, i)
    const options = [
      '--check-integrity',
      '--hash-check-only',
      '--seed-time=0',
      '--enable-dht=false',
      '--enable-dht6=false',
    ]
    const { stdout } = await run('aria2c', [
      ...options,
      '--bt-exclude-tracker=*',
      '-d',
      folder,
      join(made.dir, swarm.torrent ?? ''),
    ])
    assert.match(stdout, /Verification finished successfully/)
  }
})
