// A page with clients of the mesh.

import { openMesh } from '../../page-bridge/browser-mesh.ts'
import { MeshClients } from '../lib/mesh-clients.ts'
import { obey } from './agent.ts'

const clients = new MeshClients(openMesh)

void obey({
  enter: (options) => clients.enter(options),
  linkCounts: () => clients.linkCounts(),
  giveFiles: () => clients.giveFiles(),
  lookUp: (seeking) => clients.lookUp(seeking),
  take: (seeking) => clients.take(seeking),
})
