import assert from 'node:assert/strict'
import type { SwarmDescription } from '../../mesh/description.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import { eventually } from './poll.ts'

/** What a client that knows the info hash alone learns from whoever is in the swarm, once it is linked with them. */
export async function described(client: Mesh, infoHash: Parameters<Mesh['describe']>[0]): Promise<SwarmDescription> {
  const told = await eventually(
    () => client.describe(infoHash, 5_000),
    (description) => description !== undefined,
    30_000,
  )
  assert.ok(told)
  return told
}
