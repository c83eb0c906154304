// Builds dist/: browser bundles for sites, modules for framework users, the command line for Node.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { leanSimplePeer } from '../page-bridge/stand-ins/esbuild.mjs'
import { checkRules, internalNames, shrink } from './shrink.mjs'

const common = {
  bundle: true,
  sourcemap: false,
  minify: true,
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
}
const browser = {
  ...common,
  platform: 'browser',
  target: ['chrome110', 'firefox115', 'safari16'],
  define: { 'process.env.NODE_ENV': '"production"' },
}
const node = {
  ...common,
  minify: false,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  external: ['@roamhq/wrtc', 'classic-level'],
}

// CommonJS packages bundled into an ES module still call require() for Node's own modules.
const requireBanner = {
  js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
}

/** With simple-peer in it. */
const lean = { ...browser, define: { ...browser.define, ...leanSimplePeer.define }, alias: leanSimplePeer.alias }

const bundles = [
  { ...browser, entryPoints: ['sw/index.ts'], outfile: 'dist/tributary-sw.js', format: 'iife', shrinks: 'worker' },
  { ...browser, entryPoints: ['sw/strategy.ts'], outfile: 'dist/sw.js', format: 'esm' },
  { ...browser, entryPoints: ['page-bridge/index.ts'], outfile: 'dist/tributary.js', format: 'iife', shrinks: 'page' },
  { ...browser, entryPoints: ['page-bridge/api.ts'], outfile: 'dist/page.js', format: 'esm' },
  {
    ...lean,
    entryPoints: ['page-bridge/mesh-entry.ts'],
    outfile: 'dist/tributary-mesh.js',
    format: 'esm',
    shrinks: 'mesh',
  },
  {
    ...browser,
    entryPoints: ['page-bridge/monitor.ts'],
    outfile: 'dist/tributary-monitor.js',
    format: 'esm',
    shrinks: 'page',
  },
  { ...lean, entryPoints: ['page-bridge/browser-mesh.ts'], outfile: 'dist/mesh-browser.js', format: 'esm' },
  { ...node, entryPoints: ['seeder/node-mesh.ts'], outfile: 'dist/mesh.js', banner: requireBanner },
  { ...node, entryPoints: ['seeder/webrtc/child.ts'], outfile: 'dist/webrtc-child.js', banner: requireBanner },
  { ...node, entryPoints: ['manifest-tool/bin.ts'], outfile: 'dist/cli.js', banner: requireBanner },
  { ...node, entryPoints: ['manifest-tool/hash-worker.ts'], outfile: 'dist/hash-worker.js', banner: requireBanner },
]

/** Declarations of what package.json exports, each in one file. */
const declarations = [
  { entry: 'page-bridge/api.ts', realm: 'page', file: 'page.d.ts' },
  { entry: 'sw/strategy.ts', realm: 'sw', file: 'sw.d.ts' },
  { entry: 'seeder/node-mesh.ts', realm: 'node', file: 'mesh.d.ts' },
]

// Built aside and put in place by renames, so that whoever reads dist/ meanwhile finds it whole.
const aside = `node_modules/.cache/tributary-build-${process.pid}`
await rm(aside, { recursive: true, force: true })
await mkdir(join(aside, 'new'), { recursive: true })
try {
  const bundled = bundles.filter(({ entryPoints: [entry] }) => existsSync(entry)).map(writeBundle)
  const declared = process.argv.includes('--no-types') ? [] : declarations
  await Promise.all([...bundled, ...declared.filter(({ entry }) => existsSync(entry)).map(writeDeclarations)])
  checkRules()
  await putInPlace()
} finally {
  await rm(aside, { recursive: true, force: true })
}

async function writeBundle({ shrinks, ...bundle }) {
  const outfile = join(aside, 'new', bundle.outfile.slice('dist/'.length))
  if (shrinks === undefined) return await build({ ...bundle, outfile })
  const names = internalNames(shrinks)
  const { outputFiles } = await build({
    ...bundle,
    outfile,
    ...(names.length > 0 && { mangleProps: new RegExp(`^(${names.join('|')})$`) }),
    minify: false,
    minifySyntax: true,
    write: false,
  })
  await writeFile(outfile, await shrink(outputFiles[0].text))
}

/** In a process of its own: the compiler is what takes time here. */
function writeDeclarations({ entry, realm, file }) {
  const generator = 'node_modules/dts-bundle-generator/dist/bin/dts-bundle-generator.js'
  const out = ['--out-file', join(aside, 'new', file)]
  const style = ['--silent', '--no-check', '--no-banner', '--inline-declare-global']
  const args = [generator, ...style, '--project', `realms/${realm}.json`, ...out, entry]
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: 'inherit' })
    child.on('error', reject)
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`the declarations of ${entry} failed`))))
  })
}

/** Another build may do the same at this moment: the last one wins. */
async function putInPlace() {
  for (let i = 0; ; i++) {
    await rename('dist', join(aside, `old-${i}`)).catch(unless('ENOENT'))
    try {
      return await rename(join(aside, 'new'), 'dist')
    } catch (error) {
      unless('ENOTEMPTY', 'EEXIST')(error)
    }
  }
}

function unless(...codes) {
  return (error) => {
    if (!codes.includes(error.code)) throw error
  }
}
