import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { WebSocket } from 'ws'
import type { Mesh } from '../mesh/mesh.ts'
import { encodeAnnounce, type OfferId } from '../mesh/tracker-messages.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import { eventually } from '../test/harness/poll.ts'
import { openDoor } from './mesh-door.ts'
import { openMesh } from './node-mesh.ts'
import { loadNodeTransport } from './node-transport.ts'

// Visitors at the door of a client, on real WebRTC.

const hex = () => randomBytes(20).toString('hex')

async function openHost(t: TestContext) {
  const host = await openMesh()
  const door = await openDoor(host, { port: 0 })
  t.after(() => {
    door.close()
    host.close()
  })
  return { host, door }
}

/** Somebody who calls, and does not go on. */
async function call(t: TestContext, url: string) {
  const socket = new WebSocket(url)
  t.after(() => socket.terminate())
  const heard: string[] = []
  socket.on('message', (data) => heard.push(data.toString()))
  await once(socket, 'open')
  return { socket, heard }
}

function announce({ network }: Mesh, offers: readonly string[]): string {
  return encodeAnnounce({
    infoHash: network,
    peerId: hex() as PeerId,
    uploaded: 0,
    downloaded: 0,
    left: 0,
    offers: offers.map((sdp) => ({ offerId: hex() as OfferId, sdp })),
  })
}

test('offers that nobody stands behind are answered a few at a time, and given up', { timeout: 60_000 }, async (t) => {
  const { host, door } = await openHost(t)
  const offer = await (await loadNodeTransport())([]).offer()
  offer.abandon()
  let answers = 0
  for (let i = 0; i < 40; i++) {
    const { socket } = await call(t, door.url)
    socket.on('message', (data) => {
      if (data.toString().includes('"answer"')) answers++
    })
    socket.send(announce(host, [offer.sdp]))
  }
  await eventually(
    () => answers,
    (count) => count > 0,
  )
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  assert.ok(answers <= 4, `${answers} connections in the making`)
  const guest = await openMesh()
  t.after(() => guest.close())
  guest.join({ peers: [door.url] })
  await eventually(
    () => guest.links,
    (links) => links.includes(host.id),
    40_000,
  )
})

test('a visitor who says too much is shown out', async (t) => {
  const { host, door } = await openHost(t)
  const { socket, heard } = await call(t, door.url)
  const closed = once(socket, 'close')
  for (let i = 0; i < 100; i++) socket.send(announce(host, []))
  await closed
  assert.ok(heard.length <= 40, `${heard.length} answers`)
})
