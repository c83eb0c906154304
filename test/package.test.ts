import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startServer } from '../manifest-tool/serve/start-server.ts'
import { makeFolder } from './harness/cli.ts'
import { makeScratch } from './harness/scratch.ts'
import { madeUp } from './harness/site.ts'

// The package as a user installs it, from the built dist/: in an empty folder, without install scripts.

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const tsc = join(root, 'node_modules/typescript/bin/tsc')

async function install(t: TestContext): Promise<string> {
  const dir = await makeScratch(t, 'package')
  const packed = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', dir], { cwd: root })
  const [{ filename }]: [{ filename: string }] = JSON.parse(packed.stdout)
  await writeFile(join(dir, 'package.json'), '{"name":"site","private":true,"type":"module"}')
  await run('npm', ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', filename], {
    cwd: dir,
  })
  return dir
}

/** Pages, workers and programs have different globals, so each use is compiled alone. */
const uses = [
  {
    name: 'page',
    lib: 'es2022,dom',
    lines: [
      `import { tributary } from 'tributary/page'`,
      `export const stats: Promise<{ bytes: { origin: number } }> = tributary.stats()`,
      `tributary.addEventListener('peer', (event) => event.detail.peers.toFixed())`,
      `export const ready: Promise<{ worker: string }> | undefined = window.tributary?.ready`,
    ],
  },
  {
    name: 'sw',
    lib: 'es2022,webworker',
    lines: [
      `import { TributaryStrategy } from 'tributary/sw'`,
      `export const strategy: TributaryStrategy = new TributaryStrategy()`,
    ],
  },
  {
    // Neither a browser nor Node: what it needs of them is handed in.
    name: 'mesh',
    lib: 'es2022',
    lines: [
      `import { MeshNode, type MeshNodeOptions } from 'tributary/mesh'`,
      `export const start = (options: MeshNodeOptions): MeshNode => new MeshNode(options)`,
    ],
  },
]

test('installed in an empty folder, the command works and the types are whole', { timeout: 110_000 }, async (t) => {
  const dir = await install(t)
  const site = await makeFolder(t, { 'index.html': '<head></head>', 'a.bin': madeUp('a', 3_000_000) })

  await t.test('npx tributary serve', async (t) => {
    // npx does not hand signals on: the whole process group is ended.
    const server = spawn('npx', ['tributary', 'serve', site, '--port', '0'], {
      cwd: dir,
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    })
    t.after(async () => {
      if (server.pid !== undefined) process.kill(-server.pid)
      server.stdout.destroy()
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
    })
    const [line]: string[] = await once(createInterface(server.stdout), 'line')
    const url = /http:\S+/.exec(line ?? '')?.[0]
    assert.ok(url, line)
    assert.match(await (await fetch(url)).text(), /<script src="\/tributary\.js" async>/)
    const manifest = await (await fetch(new URL('chunk-manifest.json', url))).json()
    assert.equal(manifest.swarms[0].files[0].path, 'a.bin')
    for (const script of ['tributary.js', 'tributary-sw.js', 'tributary-mesh.js', 'tributary-monitor.js']) {
      const response: Response = await fetch(new URL(script, url))
      assert.deepEqual([response.status, response.headers.get('content-type')], [200, 'text/javascript; charset=utf-8'])
      await response.arrayBuffer()
    }
  })

  await t.test('npx tributary seed, as an edge', async (t) => {
    const mirrored = await startServer({ dir: site })
    t.after(() => mirrored.close())
    await mirrored.manifestReady
    const args = ['tributary', 'seed', mirrored.url, '--store', join(dir, 'store'), '--http-port', '0']
    const edge = spawn('npx', args, { cwd: dir, stdio: ['ignore', 'pipe', 'inherit'], detached: true })
    t.after(async () => {
      if (edge.pid !== undefined) process.kill(-edge.pid)
      edge.stdout.destroy()
      if (edge.exitCode === null && edge.signalCode === null) await once(edge, 'exit')
    })
    for await (const line of createInterface(edge.stdout)) {
      const { message, url, level } = JSON.parse(line)
      assert.notEqual(level, 'error', line)
      if (message !== 'serving files') continue
      const body = await (await fetch(new URL('a.bin', url))).arrayBuffer()
      assert.ok(Buffer.from(body).equals(await readFile(join(site, 'a.bin'))))
      break
    }
  })

  await t.test('npx tributary init, manifest, verify', async () => {
    const init = await run('npx', ['tributary', 'init', site], { cwd: dir })
    assert.match(init.stdout, /<script src="\/tributary\.js" async><\/script>/)
    assert.ok((await readFile(join(site, 'tributary-sw.js'))).length > 10_000)
    await run('npx', ['tributary', 'manifest', site], { cwd: dir })
    const verify = await run('npx', ['tributary', 'verify', site], { cwd: dir })
    assert.equal(verify.stdout, 'all good: 1 file, 92 chunks\n')
  })

  await t.test('tributary/mesh loads in Node', async () => {
    const script = `import { MeshNode } from 'tributary/mesh'; console.log(typeof MeshNode)`
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], { cwd: dir })
    assert.equal(stdout, 'function\n')
  })

  for (const { name, lib, lines } of uses) {
    await t.test(`the types of tributary/${name} compile without this project`, async () => {
      await writeFile(join(dir, `${name}.ts`), lines.join('\n'))
      const options = [
        '--strict',
        '--noEmit',
        '--target',
        'es2022',
        '--module',
        'esnext',
        '--moduleResolution',
        'bundler',
      ]
      const { stdout } = await run(process.execPath, [tsc, ...options, '--lib', lib, `${name}.ts`], { cwd: dir }).catch(
        (error) => error,
      )
      assert.equal(stdout, '')
    })
  }
})
