// Two pages and one link between them: a data channel as it is, simple-peer, and our mesh.

import type { LinkCommands, LinkTransfer } from '../lib/commands.ts'
import { obey } from './agent.ts'
import { joinMesh } from './mesh-visit.ts'
import { PeerPipe } from './peer-pipe.ts'
import { type Pipe, RawPipe } from './raw-pipe.ts'
import { visitor } from './visitor.ts'

/** The largest message that every browser takes in one piece. */
const MESSAGE = new Uint8Array(64 * 1024)

let pipe: Pipe | undefined
let mesh: Awaited<ReturnType<typeof joinMesh>> | undefined

const link: LinkCommands = {
  async offer(kind) {
    pipe = kind === 'raw' ? new RawPipe(true) : new PeerPipe(true)
    return await pipe.description
  },
  async answer({ kind, offer }) {
    pipe = kind === 'raw' ? new RawPipe(false) : new PeerPipe(false)
    pipe.take(offer)
    return await pipe.description
  },
  async accept(answer) {
    current().take(answer)
    await current().open
  },
  async send(bytes) {
    await current().open
    for (let sent = 0; sent < bytes; sent += MESSAGE.length) await current().send(MESSAGE)
  },
  async receive(bytes) {
    return await current().received(bytes)
  },
  async hangUp() {
    pipe?.close()
    pipe = undefined
  },
  async joinMesh(path) {
    mesh = await joinMesh(path)
  },
  async fetchAll(): Promise<LinkTransfer> {
    if (!mesh) throw new Error('the mesh is not joined')
    return await mesh.fetchAll()
  },
  async leaveMesh() {
    mesh?.leave()
    mesh = undefined
  },
}

function current(): Pipe {
  if (!pipe) throw new Error('there is no connection')
  return pipe
}

void obey({ ...visitor, ...link })
