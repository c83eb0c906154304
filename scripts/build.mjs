// Builds dist/: browser bundles for sites, modules for framework users, the command line for Node.

import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'

const common = {
  bundle: true,
  sourcemap: false,
  minify: true,
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
}
const browser = { ...common, platform: 'browser', target: ['chrome110', 'firefox115', 'safari16'] }
const node = {
  ...common,
  minify: false,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  external: ['@roamhq/wrtc', 'classic-level'],
}

/** simple-peer and bencode expect Node's globals; the mesh bundle alone carries their stand-ins. */
const nodeShims = {
  define: { global: 'globalThis' },
  inject: ['page-bridge/node-globals.ts'],
  alias: { debug: './page-bridge/no-debug.cjs' },
}

// CommonJS packages bundled into an ES module still call require() for Node's own modules.
const requireBanner = {
  js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
}

const bundles = [
  { ...browser, entryPoints: ['sw/index.ts'], outfile: 'dist/tributary-sw.js', format: 'iife' },
  { ...browser, entryPoints: ['sw/strategy.ts'], outfile: 'dist/sw.js', format: 'esm' },
  { ...browser, entryPoints: ['page-bridge/index.ts'], outfile: 'dist/tributary.js', format: 'iife' },
  { ...browser, entryPoints: ['page-bridge/api.ts'], outfile: 'dist/page.js', format: 'esm' },
  {
    ...browser,
    ...nodeShims,
    entryPoints: ['page-bridge/mesh-entry.ts'],
    outfile: 'dist/tributary-mesh.js',
    format: 'esm',
  },
  { ...browser, entryPoints: ['page-bridge/monitor.ts'], outfile: 'dist/tributary-monitor.js', format: 'esm' },
  { ...node, entryPoints: ['manifest-tool/bin.ts'], outfile: 'dist/cli.js', banner: requireBanner },
  { ...node, entryPoints: ['manifest-tool/hash-worker.ts'], outfile: 'dist/hash-worker.js', banner: requireBanner },
]

// Built aside and put in place by renames, so that whoever reads dist/ meanwhile finds it whole.
const aside = `node_modules/.cache/tributary-build-${process.pid}`
await rm(aside, { recursive: true, force: true })
await mkdir(aside, { recursive: true })
for (const bundle of bundles)
  if (existsSync(bundle.entryPoints[0]))
    await build({ ...bundle, outfile: join(aside, 'new', bundle.outfile.slice('dist/'.length)) })
if (existsSync('dist')) await rename('dist', join(aside, 'old'))
await rename(join(aside, 'new'), 'dist')
await rm(aside, { recursive: true, force: true })
