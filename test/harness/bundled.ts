import { writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { leanSimplePeer } from '../../page-bridge/stand-ins/esbuild.mjs'
import { makeScratch, type Owner } from './scratch.ts'

/** Packages are found as simple-peer finds them. */
const resolveDir = fileURLToPath(new URL('../../node_modules/simple-peer', import.meta.url))

/** A package bundled for Node, with what it brings itself (`real`) or as pages get it (`lean`). */
export async function bundled(owner: Owner, name: string, kind: 'real' | 'lean') {
  const outfile = join(await makeScratch(owner, 'bundle'), `${name}.cjs`)
  const { outputFiles } = await build({
    ...(kind === 'lean' && leanSimplePeer),
    stdin: { contents: `module.exports = require(${JSON.stringify(name)})`, resolveDir },
    bundle: true,
    write: false,
    // The lean one holds nothing of Node's.
    platform: kind === 'lean' ? 'browser' : 'node',
    format: 'cjs',
    logLevel: 'warning',
  })
  await writeFile(outfile, outputFiles[0]?.contents ?? '')
  return createRequire(import.meta.url)(outfile)
}
