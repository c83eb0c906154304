// The worker's script has a budget of 20 KiB gzipped. Two more steps beyond the bundler's own keep it there
// (docs/decisions/002): names of properties that no other code can know are shortened, and terser has the last word.

import { readdirSync, readFileSync } from 'node:fs'
import { minify } from 'terser'
import ts from 'typescript'

/** The rooms whose names nobody else sees. */
const OWN = ['sw', 'supply']

/** Everything whose names may cross into or out of them: formats, messages, packages, the platform. */
const FOREIGN = [
  'protocol',
  'store',
  'node_modules/comlink/dist/esm',
  'node_modules/idb/build',
  'node_modules/workbox-core',
]
const LIBRARIES = 'node_modules/typescript/lib'

/**
 * Properties that are declared in OWN rooms, and whose names appear nowhere else: not in another room, a package or the
 * platform, nor in a string of theirs.
 */
export function internalNames() {
  const declared = new Set()
  const foreign = new Set(FOREIGN.flatMap((folder) => wordsBelow(folder, /\.(ts|m?js)$/)))
  for (const word of wordsBelow(LIBRARIES, /^lib\.(webworker|es).*\.d\.ts$/)) foreign.add(word)
  for (const path of OWN.flatMap((room) => sourcesBelow(room, /\.ts$/))) {
    const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022, true)
    visit(source, declared, foreign)
  }
  return [...declared].filter((name) => !foreign.has(name)).sort()
}

/** The same script in fewer bytes. */
export async function shrink(code) {
  const compress = { passes: 4, keep_fargs: false, pure_getters: true, unsafe_arrows: true, unsafe_methods: true }
  return (await minify(code, { ecma: 2022, toplevel: true, compress })).code
}

function visit(node, declared, foreign) {
  const isProperty =
    ts.isMethodDeclaration(node) ||
    ts.isMethodSignature(node) ||
    ts.isPropertyDeclaration(node) ||
    ts.isPropertySignature(node) ||
    ts.isGetAccessor(node)
  if (isProperty && ts.isIdentifier(node.name)) declared.add(node.name.text)
  if (ts.isStringLiteralLike(node)) for (const word of words(node.text)) foreign.add(word)
  ts.forEachChild(node, (child) => visit(child, declared, foreign))
}

function wordsBelow(folder, pattern) {
  return sourcesBelow(folder, pattern).flatMap((path) => words(readFileSync(path, 'utf8')))
}

function sourcesBelow(folder, pattern) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => pattern.test(name) && !name.endsWith('.test.ts'))
    .map((name) => `${folder}/${name}`)
}

function words(text) {
  return text.match(/[A-Za-z_$][\w$]*/g) ?? []
}
