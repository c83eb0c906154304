// The worker's script has a budget of 20 KiB gzipped, those of a page of 60. Two more steps beyond the bundler's own keep them
// there (docs/decisions/002): names of properties that no other code can know are shortened, and terser has the last word.

import { readdirSync, readFileSync } from 'node:fs'
import { transform } from 'esbuild'
import { minify } from 'terser'
import ts from 'typescript'

/** Formats and packages that all scripts share. */
const SHARED = [
  ...sourcesBelow('protocol', /\.ts$/),
  ...sourcesBelow('store', /\.ts$/),
  'node_modules/comlink/dist/esm/comlink.mjs',
  'node_modules/idb/build/index.js',
]

/** What the mesh says to trackers and to other nodes. */
const MESH_MESSAGES = /^mesh\/(tracker-[a-z]+|dht\/(encode|decode|fields))\.ts$/

/** Files of the page that nothing but the mesh's script has in it. */
const MESH_ALONE =
  /(^|\/)(browser-transport|chunk-verifier|hashes|identity|mesh-entry|mesh-platform|site-metadata|tidy)\.ts$/

/**
 * own: files whose names nobody else sees. foreign: all whose names may cross into or out of them: formats, messages, the
 * platform, and what is used of packages.
 */
const SCRIPTS = {
  worker: {
    own: [...sourcesBelow('sw', /\.ts$/), ...sourcesBelow('supply', /\.ts$/)],
    foreign: [
      ...SHARED,
      ...platform('webworker'),
      ...['_version.js', 'registerQuotaErrorCallback.js', 'models/quotaErrorCallbacks.js'].map(
        (name) => `node_modules/workbox-core/${name}`,
      ),
    ],
  },
  // Its names are an interface of the package.
  page: { own: [], foreign: [] },
  mesh: {
    own: [...sourcesBelow('mesh', /\.ts$/), ...sourcesBelow('page-bridge', MESH_ALONE)],
    foreign: [
      ...SHARED,
      ...platform('dom'),
      ...sourcesBelow('page-bridge', /\.(ts|cjs)$/).filter((path) => !MESH_ALONE.test(path)),
      ...sourcesBelow('mesh', /\.ts$/).filter((path) => MESH_MESSAGES.test(path)),
      'node_modules/simple-peer/index.js',
      ...sourcesBelow('node_modules/hash-wasm/dist/lib', /\.d\.ts$/),
    ],
  },
}

/** Names of what rests in the store, where a later build looks for them. */
const STORED = ['bypassed', 'head', 'headers', 'uploads']

/**
 * Calls of packages that are left out, for what they do is not used here: idb adds its shortcuts and iterators, of which
 * store/indexeddb.ts needs none; comlink ends a conversation when one side's proxy is collected or released, and
 * sw/mesh-client.ts closes its ports itself.
 */
const UNUSED = ['replaceTraps', 'registerProxy', 'unregisterProxy', 'FinalizationRegistry', 'throwIfProxyReleased']

/** Properties that are declared in a script's own rooms, and that nothing else can know: no foreign source names or quotes them. */
export function internalNames(script) {
  const { own, foreign: others } = SCRIPTS[script]
  const declared = new Set()
  const foreign = new Set(STORED)
  for (const path of others) visit(parsed(path), addTo(foreign))
  for (const path of own)
    visit(parsed(path), (node) => {
      if (isMember(node) && node.name?.kind === ts.SyntaxKind.Identifier) declared.add(node.name.text)
      if (ts.isStringLiteralLike(node)) foreign.add(node.text)
    })
  const ours = script === 'worker' ? OURS : []
  return [...declared].filter((name) => !foreign.has(name) || ours.includes(name)).sort()
}

/** The same script in fewer bytes. */
export async function shrink(code) {
  const terse = withoutUnused(code)
  const compress = {
    // Constants of the language, in fewer letters.
    global_defs: { '@Number.POSITIVE_INFINITY': '1/0', '@Number.NEGATIVE_INFINITY': '-1/0' },
    inline: 1,
    lhs_constants: false,
    drop_console: true,
    sequences: false,
    unsafe_comps: true,
    passes: 4,
    keep_fargs: false,
    pure_funcs: UNUSED,
    pure_getters: true,
    unsafe_arrows: true,
    unsafe_methods: true,
  }
  const compressed = await minify(terse, { ecma: 2022, toplevel: true, compress, mangle: false, module: true })
  // Private names that begin anew in each class repeat, so they pack well: 0.5 KiB less. All other names terser chooses better.
  const renamed = await transform(compressed.code, { minifyIdentifiers: true, minifySyntax: true })
  return (await minify(renamed.code, { ecma: 2022, toplevel: true, compress: false })).code
}

/** Names that the platform or a format has as well, but not in the worker's script, and not with what it says to others. */
const OURS = ['adopt', 'changed', 'filled', 'kind', 'position', 'session', 'span', 'track']

/**
 * What nobody here uses or reads, and what stands in its place: why a peer's message was refused (the class of the error is
 * all that counts), what simple-peer tells of its doings, and of comlink and idb what we never ask them for.
 */
const LEFT_OUT = [
  {
    applies: (node) => ts.isNewExpression(node) && /^ProtocolViolation\d*$/.test(node.expression.text),
    part: ({ arguments: reasons }) => reasons,
  },
  // Nor what is caught by its class, inside the script, and shown to nobody.
  {
    applies: (node) =>
      ts.isPropertyDeclaration(node) &&
      /^name = "(DeadlineMissed|IntegrityError|OriginFailed|QuotaExceeded)"/.test(node.getText()),
  },
  {
    applies: (node) => ts.isCallExpression(node) && node.expression.name?.text === '_debug',
    part: ({ arguments: words }) => words,
  },
  // Both ends of a conversation are ours: properties are neither read, set nor constructed, ports neither multiplied nor released.
  { applies: (node) => ts.isCaseClause(node) && /^(GET|SET|CONSTRUCT|ENDPOINT|RELEASE)$/.test(node.expression.text) },
  {
    applies: (node) => ts.isIfStatement(node) && /^prop\d* === "then"$/.test(node.expression.getText()),
    part: ({ thenStatement: { statements } }) => ({ pos: statements[0].end, end: statements.end }),
  },
  {
    applies: (node) =>
      ts.isBinaryExpression(node) && /^(releaseProxy|createEndpoint|"RELEASE"|"bind")$/.test(node.right.getText()),
    by: 'false',
  },
  // Nothing but comlink's own messages passes through their ports, and all of them are calls.
  {
    applies: (node) => ts.isBinaryExpression(node) && node.getText() === 'ev.data.argumentList || []',
    by: 'ev.data.argumentList',
  },
  {
    applies: (node) =>
      ts.isCallExpression(node) && /^Object\.assign\(\{\s*path: \[\]\s*\}, ev\.data\)$/.test(node.getText()),
    by: 'ev.data',
  },
  { applies: (node) => ts.isIfStatement(node) && /^!(ev|data) \|\| !\1\.\w+$/.test(node.expression.getText()) },
  // What calls give back can be sent.
  {
    applies: (node) =>
      ts.isArrowFunction(node) &&
      node.parent.expression?.name?.text === 'catch' &&
      /Unserializable/.test(node.getText()),
    by: '() => {}',
  },
  // They are ports.
  { applies: (node) => ts.isBinaryExpression(node) && node.getText() === 'ep.start && ep.start()', by: 'ep.start()' },
  { applies: (node) => ts.isCallExpression(node) && node.expression.text === 'isAllowedOrigin', by: 'true' },
  {
    applies: (node) => ts.isArrayLiteralExpression(node) && node.elements[0]?.elements?.[0]?.text === 'proxy',
    part: ({ elements: [unused] }) => ({ pos: unused.pos, end: unused.end + ','.length }),
  },
  {
    applies: (node) => ts.isCallExpression(node) && node.expression.text === 'generateUUID',
    by: 'crypto.randomUUID()',
  },
  // Any value but an object becomes one, and has no such property.
  {
    applies: (node) => ts.isBinaryExpression(node) && node.getText() === 'isObject(value) && throwMarker in value',
    by: 'throwMarker in Object(value)',
  },
  // Who opens a database of ours wants to know of it only that it is open, made or asked for by a later version.
  { applies: (node) => ts.isBinaryExpression(node) && /^(blocked|terminated)$/.test(node.left.text), by: 'false' },
  {
    applies: (node) => ts.isCallExpression(node) && /^(upgrade|blocking)$/.test(node.expression.text),
    part: ({ arguments: given }) => ({ pos: given[0].end, end: given.end }),
  },
  {
    applies: (node) => ts.isCallExpression(node) && node.expression.text === 'Symbol',
    part: ({ arguments: description }) => description,
  },
  // What is thrown is an error, and nobody asks where on the other side.
  { applies: (node) => ts.isBinaryExpression(node) && node.getText() === 'value instanceof Error', by: 'true' },
  { applies: (node) => ts.isPropertyAccessExpression(node) && node.getText() === 'serialized.isError', by: 'true' },
  {
    applies: (node) => ts.isPropertyAssignment(node) && node.getText() === 'stack: value.stack',
    part: ({ pos, end }) => ({ pos: pos - ','.length, end }),
  },
  // Paths are made of strings, and the store of a transaction is asked for where it has one alone.
  {
    applies: (node) => ts.isCallExpression(node) && /^path\d*\.map\(\(p\) => p\.toString\(\)\)$/.test(node.getText()),
    part: ({ expression, end }) => ({ pos: expression.expression.end, end }),
  },
  {
    applies: (node) => ts.isConditionalExpression(node) && node.condition.getText() === 'receiver.objectStoreNames[1]',
    part: ({ pos, whenFalse }) => ({ pos, end: whenFalse.pos }),
  },
  // A transaction that nobody gave up says why it failed, and its message is among what an error is given.
  {
    applies: (node) => ts.isBinaryExpression(node) && /^tx\.error \|\| new DOMException/.test(node.getText()),
    by: 'tx.error',
  },
  {
    applies: (node) => ts.isNewExpression(node) && node.getText() === 'new Error(serialized.value.message)',
    part: ({ arguments: message }) => message,
  },
  // No code of ours opens an index or a cursor.
  {
    applies: (node) => /^IDB(Index|Cursor)$/.test(node.text) && node.parent.elements?.at(-1)?.text === 'IDBTransaction',
    part: ({ pos, end }) => ({ pos, end: end + ','.length }),
  },
  // A request or a transaction is over once: what would listen on goes with it.
  { applies: (node) => ts.isCallExpression(node) && node.expression.text === 'unlisten', by: '0' },
  // What the worker writes, its sink has put together as runs.
  { applies: (node) => ts.isCallExpression(node) && node.expression.text === 'checkRun', by: '0' },
  // No code of ours sets a property of what comlink and idb wrap, nor moves a cursor of idb's.
  {
    applies: (node) => ts.isMethodDeclaration(node) && /^(set|has|construct)$/.test(node.name.text) && isTrap(node),
    part: ({ pos, end }) => ({ pos: pos - ','.length, end }),
  },
  {
    applies: (node) =>
      ts.isCallExpression(node) && /^getCursorAdvanceMethods\(\)\.includes$/.test(node.expression.getText()),
    by: 'false',
  },
]

/** Rules that found something in a script, and names of UNUSED that were in one. */
const applied = new Set()

function withoutUnused(code) {
  const source = ts.createSourceFile('script.js', code, ts.ScriptTarget.ES2022, true)
  const cuts = []
  visit(source, (node) => {
    if (ts.isIdentifier(node)) applied.add(node.text)
    const rule = LEFT_OUT.find(({ applies }) => applies(node))
    if (!rule) return
    applied.add(rule)
    const { pos, end } = rule.part?.(node) ?? node
    if (pos >= (cuts.at(-1)?.end ?? 0)) cuts.push({ pos, end, by: rule.by ?? '' })
  })
  return cuts.reverse().reduce((text, { pos, end, by }) => `${text.slice(0, pos)} ${by}${text.slice(end)}`, code)
}

/**
 * To be called once all scripts are shrunk.
 * @throws when something that was to be left out was in none of them: its package, or our own code, has changed
 */
export function checkRules() {
  const idle = [
    ...LEFT_OUT.filter((rule) => !applied.has(rule)).map(({ applies }) => `the rule of LEFT_OUT for ${applies}`),
    ...UNUSED.filter((name) => !applied.has(name)).map((name) => `${name} of UNUSED`),
  ]
  if (idle.length > 0)
    throw new Error(`scripts/shrink.mjs: nothing to leave out any more, mend or remove:\n${idle.join('\n')}`)
}

/** Whether a method is a trap of a proxy. */
function isTrap({ parent: { parent: user } }) {
  return (ts.isNewExpression(user) && user.expression.text === 'Proxy') || /^idbProxyTraps/.test(user.name?.text)
}

/** Takes every name but those of parameters, which nobody outside can see. */
function addTo(names) {
  return (node) => {
    if (ts.isStringLiteralLike(node) || (ts.isIdentifier(node) && !ts.isParameter(node.parent))) names.add(node.text)
  }
}

function isMember(node) {
  return ts.isClassElement(node) || ts.isTypeElement(node)
}

function platform(realm) {
  return sourcesBelow('node_modules/typescript/lib', new RegExp(`^lib\\.(${realm}|es).*\\.d\\.ts$`))
}

function parsed(path) {
  return ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022, true)
}

function visit(node, look) {
  if (ts.isImportDeclaration(node)) return
  look(node)
  ts.forEachChild(node, (child) => visit(child, look))
}

function sourcesBelow(folder, pattern) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => pattern.test(name) && !name.endsWith('.test.ts'))
    .map((name) => `${folder}/${name}`)
}
