import * as crypto from 'node:crypto'
import { createHash } from 'node:crypto'
import type { Sha256Sync } from '../protocol/merkle.ts'

/** SHA-256 at once. `crypto.hash` makes no object for each of the many small inputs; Node has it from 20.12. */
export const sha256: Sha256Sync =
  typeof crypto.hash === 'function'
    ? (bytes) => crypto.hash('sha256', bytes, 'buffer')
    : (bytes) => createHash('sha256').update(bytes).digest()
