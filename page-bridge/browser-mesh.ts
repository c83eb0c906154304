import { Mesh, type OpenMesh } from '../mesh/mesh.ts'
import { browserPlatform } from './mesh-platform.ts'

// `tributary/mesh` in browsers.

export * from '../mesh/index.ts'

/** Starts a client of the mesh. */
export const openMesh: OpenMesh = async (options = {}) => new Mesh({ ...options, platform: await browserPlatform() })
