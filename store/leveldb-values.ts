import { deserialize, serialize } from 'node:v8'
import type { ClassicLevel } from 'classic-level'
import type { ValueStore } from './chunk-store.ts'

const VALUES = { gt: 'value!', lt: 'value"' }

/** Values beside the chunks, in the form of structured clones. */
export function levelValues(database: ClassicLevel<string, Uint8Array>): ValueStore {
  return {
    get: async (key) => {
      const value = await database.get(`value!${key}`)
      return value && parse(value)
    },
    set: (key, value) => database.put(`value!${key}`, serialize(value)),
    delete: (key) => database.del(`value!${key}`),
    clear: () => database.clear(VALUES),
  }
}

/** What cannot be read any more counts as absent. */
function parse(value: Uint8Array): unknown {
  try {
    return deserialize(value)
  } catch {
    return undefined
  }
}
