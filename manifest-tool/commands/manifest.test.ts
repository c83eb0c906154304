import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdir, readdir, readFile, rename, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Manifest, parseManifest } from '../../protocol/manifest.ts'
import { makeFolder, runCli } from '../../test/harness/cli.ts'
import { madeUp } from '../../test/harness/site.ts'

const MiB = 2 ** 20

async function readManifest(dir: string): Promise<Manifest> {
  return parseManifest(JSON.parse(await readFile(join(dir, 'chunk-manifest.json'), 'utf8')))
}

const pathsOf = (manifest: Manifest) => manifest.swarms.flatMap((swarm) => swarm.files.map((file) => file.path))

/** What the JSON output says. */
function report(out: string): { files: number; hashedBytes: number; warnings: string[]; disabled: boolean } {
  return JSON.parse(out)
}

test('lists large files under any name and leaves out what must not or need not come from chunks', async (t) => {
  const large = madeUp('large', 2 * MiB)
  const dir = await makeFolder(t, {
    'videos/a.mp4': large,
    'ä b/x#1%?&+.bin': large,
    '河/🌊.zip': large,
    'small.bin': 'small',
    'page.html': large,
    'app.js': large,
    'lib.mjs': large,
    'style.css': large,
    'picture.svg': large,
    'code.wasm': large,
    'empty.bin': '',
    '.hidden.bin': large,
    '.git/pack.bin': large,
    'node_modules/x.bin': large,
    'chunks/mine.bin': large,
  })
  const { code, out, err } = await runCli(['manifest', dir, '--json'])
  assert.equal(code, 0, err)
  const manifest = await readManifest(dir)
  assert.deepEqual(pathsOf(manifest), ['chunks/mine.bin', 'videos/a.mp4', 'ä b/x#1%?&+.bin', '河/🌊.zip'])
  assert.deepEqual(report(out).warnings, ['empty.bin: left out, it is empty'])
  assert.deepEqual(manifest.mesh.announce, ['/announce'])
  assert.equal(manifest.swarms[1]?.files[0]?.type, 'video/mp4')
  // A second run finds its own files in the site and must not take them for content.
  assert.equal((await runCli(['manifest', dir])).code, 0)
  assert.deepEqual(await readManifest(dir), manifest)
})

test('the hash file is what the digest says, and is named after the torrent it belongs to', async (t) => {
  const dir = await makeFolder(t, { 'a.bin': madeUp('a', 3 * MiB + 1) })
  assert.equal((await runCli(['manifest', dir, '--chunk-size', '1MiB'])).code, 0)
  const [swarm] = (await readManifest(dir)).swarms
  assert.ok(swarm?.torrent)
  assert.equal(swarm.chunkCount, 4)
  const hashes = await readFile(join(dir, swarm.hashes))
  assert.equal(hashes.length, 4 * 32)
  assert.equal(swarm.hashesDigest, `sha-256=:${createHash('sha256').update(hashes).digest('base64')}:`)
  // The last chunk is one byte: one block, filled up with zeros to the chunk's 64 leaves.
  let root: Uint8Array = createHash('sha256')
    .update(madeUp('a', 3 * MiB + 1).subarray(3 * MiB))
    .digest()
  let zeros: Uint8Array = new Uint8Array(32)
  for (let level = 0; level < 6; level++) {
    root = createHash('sha256').update(root).update(zeros).digest()
    zeros = createHash('sha256').update(zeros).update(zeros).digest()
  }
  assert.ok(hashes.subarray(3 * 32).equals(root))
  const torrent = await readFile(join(dir, swarm.torrent), 'latin1')
  const from = torrent.indexOf('4:info') + '4:info'.length
  const info = Buffer.from(torrent.slice(from, torrent.indexOf('12:piece layers')), 'latin1')
  assert.equal(createHash('sha1').update(info).digest('hex'), swarm.infoHash)
})

test('links: inside of the site they are files, elsewhere they are left out with a warning', async (t) => {
  const large = madeUp('large', 2 * MiB)
  const dir = await makeFolder(t, { 'real/a.bin': large })
  await writeFile(join(dir, '../secret.bin'), large)
  await symlink('real/a.bin', join(dir, 'link.bin'))
  await symlink('real', join(dir, 'folder'))
  await symlink('../secret.bin', join(dir, 'escape.bin'))
  await symlink('nowhere.bin', join(dir, 'dangling.bin'))
  await symlink('..', join(dir, 'real/up'))
  const { code, err } = await runCli(['manifest', dir])
  assert.equal(code, 0)
  assert.deepEqual(pathsOf(await readManifest(dir)), ['folder/a.bin', 'link.bin', 'real/a.bin'])
  assert.match(err, /warning: dangling\.bin: left out, the link leads nowhere/)
  assert.match(err, /warning: escape\.bin: left out, the link leads outside of the site/)
  assert.match(err, /warning: real\/up: left out, the link leads back to its own folder/)
})

test('a second run hashes only what changed', async (t) => {
  const dir = await makeFolder(t, { 'a.bin': madeUp('a', 2 * MiB), 'b.bin': madeUp('b', 3 * MiB) })
  // Files as old as those of a real site: hashes of a file that has just changed are not kept.
  for (const name of ['a.bin', 'b.bin']) await age(join(dir, name))
  assert.equal(report((await runCli(['manifest', dir, '--json'])).out).hashedBytes, 5 * MiB)
  assert.equal(report((await runCli(['manifest', dir, '--json'])).out).hashedBytes, 0)
  await writeFile(join(dir, 'b.bin'), madeUp('other', 3 * MiB))
  assert.equal(report((await runCli(['manifest', dir, '--json'])).out).hashedBytes, 3 * MiB)
  assert.equal((await runCli(['verify', dir])).code, 0)
})

/** Touches a probe until the file system's clock has left a file well behind. */
async function age(path: string): Promise<void> {
  const { ctimeMs } = await stat(path)
  const probe = `${path}.probe`
  do await writeFile(probe, '')
  while ((await stat(probe)).ctimeMs < ctimeMs + 30)
  await rm(probe)
}

test('a broken hash cache is not believed', async (t) => {
  const dir = await makeFolder(t, { 'a.bin': madeUp('a', 2 * MiB) })
  await age(join(dir, 'a.bin'))
  await runCli(['manifest', dir])
  const path = join(dir, 'chunks/.hash-cache.json')
  const text = await readFile(path, 'utf8')
  for (const broken of [
    '',
    '{',
    '{"version":1,"entries":7}',
    text.replace(/[A-Za-z]{8}(?=[^"]*"\]\]\}$)/, 'AAAAAAAA'),
  ]) {
    assert.notEqual(broken, text)
    await writeFile(path, broken)
    assert.equal(report((await runCli(['manifest', dir, '--json'])).out).hashedBytes, 2 * MiB)
  }
})

test('hash files that the new manifest does not need go, others stay', async (t) => {
  const dir = await makeFolder(t, {
    'a.bin': madeUp('a', 2 * MiB),
    'b.bin': madeUp('b', 2 * MiB),
    'chunks/notes.txt': 'x',
  })
  await runCli(['manifest', dir])
  assert.equal((await readdir(join(dir, 'chunks'))).length, 6)
  await rm(join(dir, 'a.bin'))
  await runCli(['manifest', dir, '--no-torrent'])
  const [swarm] = (await readManifest(dir)).swarms
  assert.deepEqual((await readdir(join(dir, 'chunks'))).sort(), [
    '.hash-cache.json',
    `${swarm?.infoHash}.sha256`,
    'notes.txt',
  ])
  assert.equal(swarm?.torrent, undefined)
})

test('a bundle is one swarm: small files too, each on a chunk boundary', async (t) => {
  const dir = await makeFolder(t, {
    'hls/1.ts': madeUp('1', 100_000),
    'hls/2.ts': madeUp('2', 32768),
    'hls/3.ts': madeUp('3', 5),
    'hls/play.m3u8': '#EXTM3U',
    'film.mp4': madeUp('film', 2 * MiB),
  })
  const { code, err } = await runCli([
    'manifest',
    dir,
    '--bundle',
    'hls/*.ts',
    '--bundle',
    'none/**',
    '--origin',
    'https://example.org/site',
  ])
  assert.equal(code, 0)
  assert.match(err, /warning: --bundle none\/\*\*: no file matches/)
  const { swarms } = await readManifest(dir)
  assert.deepEqual(
    swarms.map((swarm) => swarm.files.map(({ path, firstChunk }) => [path, firstChunk])),
    [
      [['film.mp4', 0]],
      [
        ['hls/1.ts', 0],
        ['hls/2.ts', 4],
        ['hls/3.ts', 5],
      ],
    ],
  )
  assert.equal(swarms[1]?.chunkCount, 6)
  const torrent = await readFile(join(dir, swarms[1]?.torrent ?? ''), 'latin1')
  assert.match(torrent, /4:name3:hls/)
  assert.match(torrent, /8:url-listl25:https:\/\/example\.org\/site\/e/)
  assert.match(torrent, /8:announce26:wss:\/\/example\.org\/announce/)
  assert.equal((await runCli(['verify', dir])).code, 0)
})

test('playlists are no part of a bundle: they may change while their segments stay', async (t) => {
  const dir = await makeFolder(t, {
    'film/1.m4s': madeUp('1', 100_000),
    'film/main.m3u8': '#EXTM3U',
    'film/main.mpd': '<MPD/>',
    'film/long.m3u8': madeUp('long', 2 * MiB),
  })
  assert.equal((await runCli(['manifest', dir, '--bundle', 'film/**'])).code, 0)
  const { swarms } = await readManifest(dir)
  assert.deepEqual(
    swarms.map(({ files }) => files.map(({ path }) => path)),
    [['film/1.m4s'], ['film/long.m3u8']],
  )
})

test('options end up in the manifest', async (t) => {
  const dir = await makeFolder(t, { 'a.bin': madeUp('a', 2 * MiB), 'b.bin': madeUp('b', 2 * MiB), 'c.bin': 'cc' })
  const options = ['--announce', 'wss://one.example/', '--announce', 'wss://two.example/', '--ignore-parameter', 'v']
  const ice = ['--ice-server', 'stun:stun.example', '--ice-server', '{"urls":"turn:t","username":"u","credential":"c"}']
  const sizes = ['--min-size', '2', '--chunk-size', '64KiB', '--exclude', 'b.*', '--include', '*.bin']
  assert.equal((await runCli(['manifest', dir, ...options, ...ice, ...sizes])).code, 0)
  const manifest = await readManifest(dir)
  assert.deepEqual(manifest.mesh.announce, ['wss://one.example/', 'wss://two.example/'])
  assert.deepEqual(manifest.mesh.iceServers, [
    { urls: ['stun:stun.example'] },
    { urls: ['turn:t'], username: 'u', credential: 'c' },
  ])
  assert.deepEqual(manifest.ignorableParameters, ['v'])
  assert.deepEqual(pathsOf(manifest), ['a.bin', 'c.bin'])
  assert.equal(manifest.swarms[0]?.chunkSize, 65536)
})

test('--disable is the kill switch, and the next run without it says that it is off again', async (t) => {
  const dir = await makeFolder(t, { 'a.bin': madeUp('a', 2 * MiB) })
  assert.equal((await runCli(['manifest', dir, '--disable'])).code, 0)
  assert.equal((await readManifest(dir)).disabled, true)
  const { err } = await runCli(['manifest', dir])
  assert.equal((await readManifest(dir)).disabled, false)
  assert.match(err, /the old manifest was disabled/)
})

test('two sites with the same file in the same place have the same manifest', async (t) => {
  const files = { 'x/a.bin': madeUp('a', 2 * MiB), 'y/b.bin': madeUp('b', 2 * MiB) }
  const [one, two] = [await makeFolder(t, files), await makeFolder(t, files)]
  await runCli(['manifest', one])
  await runCli(['manifest', two])
  assert.deepEqual(await readManifest(one), await readManifest(two))
})

test('when it cannot be written, the old manifest stays', async (t) => {
  const dir = await makeFolder(t, { 'a.bin': madeUp('a', 2 * MiB) })
  await runCli(['manifest', dir])
  const old = await readFile(join(dir, 'chunk-manifest.json'), 'utf8')
  await rename(join(dir, 'chunks'), join(dir, 'kept'))
  await writeFile(join(dir, 'chunks'), 'in the way')
  await writeFile(join(dir, 'a.bin'), madeUp('new', 2 * MiB))
  const { code, err } = await runCli(['manifest', dir])
  assert.equal(code, 1)
  assert.match(err, /^error: cannot write to .* \(EEXIST\) - /m)
  assert.equal(await readFile(join(dir, 'chunk-manifest.json'), 'utf8'), old)
  assert.deepEqual(
    (await readdir(dir)).filter((name) => name.startsWith('.')),
    [],
  )
})

test('a folder that is not there', async (t) => {
  const dir = await makeFolder(t, {})
  const { code, err } = await runCli(['manifest', join(dir, 'nowhere')])
  assert.equal(code, 1)
  assert.match(err, /^error: cannot read .*nowhere \(ENOENT\) - check the spelling\n$/)
})

test('a file that this user may not read stops it before anything is written', async (t) => {
  const dir = await makeFolder(t, { 'a.bin': madeUp('a', 2 * MiB), 'b.bin': madeUp('b', 2 * MiB) })
  await chmod(join(dir, 'a.bin'), 0)
  await chmod(join(dir, '..'), 0o755)
  const { code, err } = await runAsNobody(['manifest', dir])
  assert.equal(code, 1, err)
  assert.match(err, /^error: cannot read .*a\.bin \(EACCES\) - let this user read it\n$/)
  assert.deepEqual((await readdir(dir)).sort(), ['a.bin', 'b.bin'])
})

/** In a process of its own, for root may read everything. */
async function runAsNobody(argv: readonly string[]): Promise<{ code: number; err: string }> {
  const bin = fileURLToPath(new URL('../bin.ts', import.meta.url))
  const user = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
  const child = spawn(process.execPath, ['--import', 'tsx', bin, ...argv], {
    ...user,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let err = ''
  child.stderr.on('data', (text) => {
    err += text
  })
  const [code] = await once(child, 'close')
  return { code, err }
}

test('stopped by the user: nothing is written', async (t) => {
  const dir = await makeFolder(t, {})
  await writeFile(join(dir, 'large.bin'), '')
  await truncate(join(dir, 'large.bin'), 4096 * MiB)
  const stop = new AbortController()
  const running = runCli(['manifest', dir], { signal: stop.signal })
  setImmediate(() => stop.abort())
  const { code, err } = await running
  assert.equal(code, 130)
  assert.equal(err, 'stopped\n')
  assert.deepEqual(await readdir(dir), ['large.bin'])
})

test('wrong use is exit code 2 and one line that says how to mend it', async (t) => {
  const dir = await makeFolder(t, {})
  for (const argv of [
    ['manifest'],
    ['manifest', dir, 'extra'],
    ['manifest', dir, '--chunk-size', '33KiB'],
    ['manifest', dir, '--chunk-size', '32MiB'],
    ['manifest', dir, '--min-size', 'big'],
    ['manifest', dir, '--announce', 'https://tracker.example/'],
    ['manifest', dir, '--origin', 'example.org'],
    ['manifest', dir, '--ice-server', '{'],
    ['manifest', dir, '--unknown'],
    ['manifst', dir],
  ]) {
    const { code, out, err } = await runCli(argv)
    assert.equal(code, 2, argv.join(' '))
    assert.equal(out, '')
    assert.match(err, /^error: .+ - .+\n$/, argv.join(' '))
  }
  await mkdir(join(dir, 'still-empty'))
  assert.deepEqual(await readdir(dir), ['still-empty'])
})

test('help and version are no errors', async () => {
  for (const argv of [['--help'], ['manifest', '--help'], ['help', 'serve']]) {
    const { code, out, err } = await runCli(argv)
    assert.equal(code, 0)
    assert.match(out, /^Usage: tributary/)
    assert.equal(err, '')
  }
  assert.match((await runCli(['--version'])).out, /^\d+\.\d+\.\d+\n$/)
})
