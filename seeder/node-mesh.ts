import { createHash, randomBytes } from 'node:crypto'
import { Mesh, type OpenMesh } from '../mesh/mesh.ts'
import { nodeClock } from './node-clock.ts'
import { verifySignature } from './node-identity.ts'
import { freshMemory, nodeMemory } from './node-memory.ts'
import { openNodeSocket } from './node-socket.ts'
import { loadNodeTransport } from './node-transport.ts'
import { sha256 } from './sha256.ts'

// `tributary/mesh` on Node.

export * from '../mesh/index.ts'
export { type Door, type DoorOptions, openDoor } from './mesh-door.ts'

/** Starts a client of the mesh. */
export const openMesh: OpenMesh = async ({ memory, ...options } = {}) =>
  new Mesh({
    ...options,
    platform: {
      ...(memory === undefined ? freshMemory() : await nodeMemory(memory)),
      clock: nodeClock,
      epochMs: performance.timeOrigin,
      randomBytes: (length) => randomBytes(length),
      openSocket: openNodeSocket,
      makeTransport: await loadNodeTransport(),
      sha256,
      digest: async (bytes) => sha256(bytes),
      sha1: async (bytes) => createHash('sha1').update(bytes).digest(),
      verify: verifySignature,
    },
  })
