import { fileURLToPath } from 'node:url'

/** Options for esbuild that put these stand-ins in the place of what simple-peer expects of Node. */
export const leanSimplePeer = {
  define: { global: 'globalThis' },
  alias: Object.fromEntries(
    [
      ['debug', 'debug.cjs'],
      ['readable-stream', 'readable-stream.ts'],
      ['buffer', 'buffer.ts'],
      ['safe-buffer', 'buffer.ts'],
    ].map(([name, file]) => [name, fileURLToPath(new URL(file, import.meta.url))]),
  ),
}
