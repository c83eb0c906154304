import assert from 'node:assert/strict'
import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { link, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import bencode from 'bencode'
import { chunkCountOf } from '../../protocol/geometry.ts'
import { type Manifest, parseManifest } from '../../protocol/manifest.ts'
import { makeFolder, runCli } from '../harness/cli.ts'
import { eventually } from '../harness/poll.ts'
import { makeScratch } from '../harness/scratch.ts'
import { madeUp } from '../harness/site.ts'

// Other BitTorrent implementations load our torrents and find our files complete. All are Debian packages:
// python3-libtorrent (v1 and v2, all hashes), aria2 and transmission-cli (v1).

const run = promisify(execFile)
const script = fileURLToPath(new URL('check-torrent.py', import.meta.url))
const python = ['/usr/bin/python3', 'python3'].find((path) => spawnSync(path, ['-c', 'import libtorrent']).status === 0)
const aria2 = spawnSync('aria2c', ['--version']).status === 0
const noLibtorrent = python === undefined && 'libtorrent is not installed (Debian: apt-get install python3-libtorrent)'
const noAria2 = !aria2 && 'aria2 is not installed (Debian: apt-get install aria2)'
const transmission = /^transmission-cli (\d+)/m.exec(String(spawnSync('transmission-cli', ['--version']).stdout))?.[1]
const noTransmission =
  transmission === undefined && 'Transmission is not installed (Debian: apt-get install transmission-cli)'

/** It syncs what it writes to the disk, which takes long beside tests that do nothing else. */
const BUSY_MS = 20_000

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

/** The same, saved by a client to which padding files (BEP 47) are files like others. */
async function savedWithPadding(t: TestContext, made: Made, swarm: number): Promise<string> {
  const folder = await savedAs(t, made, swarm)
  const files = made.manifest.swarms[swarm]?.files ?? []
  for (const { path, size, chunkSize } of files.slice(0, -1)) {
    const padding = String(chunkCountOf(size, chunkSize) * chunkSize - size)
    const saved = join(folder, path.split('/')[0] ?? '', '.pad', padding)
    await mkdir(dirname(saved), { recursive: true })
    await writeFile(saved, new Uint8Array(Number(padding)))
  }
  return folder
}

/** Changes a byte of a file after its hashing. @returns its swarm */
async function changeByte({ dir, manifest }: Made): Promise<number> {
  const file = await readFile(join(dir, 'videos/a.mp4'))
  file[2_999_999] = (file[2_999_999] ?? 0) ^ 1
  await writeFile(join(dir, 'videos/a.mp4'), file)
  return manifest.swarms.findIndex((swarm) => swarm.files[0]?.path === 'videos/a.mp4')
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
  const at = await changeByte(made)
  const torrent = join(made.dir, made.manifest.swarms[at]?.torrent ?? '')
  const { stdout } = await run(python ?? '', [script, torrent, await savedAs(t, made, at)])
  assert.equal(JSON.parse(stdout).complete, false)
})

test('aria2 finds every file complete by the hashes of v1', { skip: noAria2 }, async (t) => {
  const made = await makeSite(t)
  for (const [i, swarm] of made.manifest.swarms.entries()) {
    const folder = await savedWithPadding(t, made, i)
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

test('Transmission finds every file complete by the hashes of v1', { skip: noTransmission }, async (t) => {
  const made = await makeSite(t)
  for (const [i, { torrent = '' }] of made.manifest.swarms.entries()) {
    const folder = await savedWithPadding(t, made, i)
    await transmissionSays(t, join(made.dir, torrent), folder, /^Seeding/m)
  }
})

test('Transmission sees a changed byte', { skip: noTransmission }, async (t) => {
  const made = await makeSite(t)
  const at = await changeByte(made)
  const torrent = join(made.dir, made.manifest.swarms[at]?.torrent ?? '')
  const said = await transmissionSays(t, torrent, await savedAs(t, made, at), /^(Progress: [1-9]|Seeding)/m)
  assert.match(said, /^Progress: 9/m)
})

/** Now and then it says its name and nothing more; then it is started anew. */
async function transmissionSays(t: TestContext, torrent: string, folder: string, pattern: RegExp): Promise<string> {
  for (let left = 2; ; left--) {
    const check = await checkWithTransmission(t, torrent, folder)
    try {
      return await eventually(check, (said) => pattern.test(said), BUSY_MS)
    } catch (error) {
      if (left === 0 || /^(Progress|Seeding)/m.test(check())) throw error
    }
  }
}

/** Starts Transmission on what is saved. @returns tells what it has said so far */
async function checkWithTransmission(t: TestContext, torrent: string, folder: string): Promise<() => string> {
  const scratch = await makeScratch(t, 'transmission')
  const quiet = { 'dht-enabled': false, 'lpd-enabled': false, 'pex-enabled': false, 'utp-enabled': false }
  await writeFile(join(scratch, 'settings.json'), JSON.stringify(quiet))
  const readable = join(scratch, 'readable.torrent')
  // Before its fourth version it reads no torrent that has a half of v2.
  await writeFile(readable, Number(transmission) < 4 ? v1Half(await readFile(torrent)) : await readFile(torrent))
  const options = ['--config-dir', scratch, '--download-dir', folder, '--verify', '--no-portmap', '--port', '0']
  // Into a pipe it would write when it ends, and it does not end by itself.
  const command = ['-o0', 'transmission-cli', ...options, readable]
  const client = spawn('stdbuf', command, { stdio: ['ignore', 'pipe', 'ignore'] })
  t.after(async () => {
    client.kill('SIGKILL')
    if (client.exitCode === null && client.signalCode === null) await once(client, 'exit')
  })
  let said = ''
  client.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text.replaceAll('\r', '\n')
  })
  return () => said
}

function v1Half(torrent: Uint8Array): Uint8Array {
  const fields: unknown = bencode.decode(torrent)
  assert.ok(isRecord(fields) && isRecord(fields.info))
  const { 'file tree': _tree, 'meta version': _version, ...info } = fields.info
  return bencode.encode({ info })
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
