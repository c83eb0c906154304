import { readOptions } from './options.ts'
import { findTag, start } from './start.ts'

// `import { tributary } from 'tributary/page'`. The module may be bundled anywhere: without a tag, the scripts are
// looked for at the site's root.
export const tributary = start(readOptions(findTag(), new URL('/', location.href).href))
export type { PeerChange, State, Stats, Tributary } from './tributary.ts'
