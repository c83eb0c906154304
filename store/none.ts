import { QuotaExceeded } from '../protocol/errors.ts'
import type { RunStore, ValueStore } from './chunk-store.ts'

/** Where the browser refuses to store anything: always empty, and never has room. */
export function openNoStore(): { readonly chunks: RunStore; readonly values: ValueStore } {
  const nothing = async () => undefined
  const none = async () => []
  const full = async () => {
    throw new QuotaExceeded('no room')
  }
  return {
    chunks: {
      runs: none,
      readRuns: none,
      write: full,
      swarms: none,
      touch: nothing,
      drop: nothing,
    },
    values: { get: nothing, set: nothing, delete: nothing, clear: nothing },
  }
}
