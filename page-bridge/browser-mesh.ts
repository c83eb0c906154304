import { Mesh, type OpenMesh } from '../mesh/mesh.ts'
import { browserPlatform } from './mesh-platform.ts'

// `tributary/mesh` in browsers.

export * from '../mesh/index.ts'

/** Starts a client of the mesh. */
export const openMesh: OpenMesh = async (options = {}) =>
  new Mesh({ ...options, platform: { ...(await browserPlatform()), sha1 } })

async function sha1(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-1', bytes))
}
