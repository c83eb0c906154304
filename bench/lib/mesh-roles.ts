import { openMesh } from '../../seeder/node-mesh.ts'
import { MeshClients } from './mesh-clients.ts'
import { playRole, textOf } from './role.ts'

// The part of bench/dht-live.ts: some clients of the mesh in one process. What goes in and out is JSON.

const clients = new MeshClients(openMesh)

playRole({
  enter: async (given) => void (await clients.enter(JSON.parse(textOf(given)))),
  linkCounts: async () => JSON.stringify(await clients.linkCounts()),
  giveFiles: async () => JSON.stringify(await clients.giveFiles()),
  lookUp: async (given) => JSON.stringify(await clients.lookUp(JSON.parse(textOf(given)))),
  take: async (given) => JSON.stringify(await clients.take(JSON.parse(textOf(given)))),
})
