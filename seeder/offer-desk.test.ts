import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OfferId } from '../mesh/tracker-messages.ts'
import type { Link, Negotiation, Transport } from '../mesh/transport.ts'
import type { InfoHash } from '../protocol/units.ts'
import type { PeerId } from '../protocol/wire/handshake.ts'
import { VirtualClock, VirtualPeer } from '../test/harness/virtual-mesh.ts'
import { OfferDesk } from './offer-desk.ts'
import { UploadPacer } from './upload-pacer.ts'

const SWARM = 'a'.repeat(40) as InfoHash

/** Answers all offers with connections that never open. */
class DeadTransport implements Transport {
  answered = 0
  abandoned = 0

  answer = async (): Promise<Negotiation> => {
    this.answered++
    let fail = (_: Error) => {}
    const opened = new Promise<Link>((_, reject) => {
      fail = reject
    })
    const abandon = () => {
      this.abandoned++
      fail(new Error('abandoned'))
    }
    return { sdp: 'answer', opened, abandon }
  }

  offer = async () => {
    throw new Error('nobody is offered to')
  }
}

function openDesk() {
  const clock = new VirtualClock()
  const transport = new DeadTransport()
  const { driver } = new VirtualPeer(clock, 1, { chunkCount: 1 }).hold()
  const desk = new OfferDesk({
    clock,
    transport: () => transport,
    wake: async () => driver,
    pacer: new UploadPacer(clock),
    maxPeers: 200,
    newOfferId: () => '' as OfferId,
    log: () => undefined,
  })
  let visitors = 1_000
  const offer = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const from = (++visitors).toString(16).padStart(40, '0') as PeerId
      void desk.answer({ infoHash: SWARM, from, sdp: 'offer', reply: () => true })
    }
    await clock.advance(100)
  }
  return { clock, transport, offer, desk }
}

test('offers that come to nothing do not keep others out for long', async () => {
  const { clock, transport, offer, desk } = openDesk()
  await offer(40)
  assert.deepEqual([transport.answered, transport.abandoned], [32, 0])
  await clock.advance(2_000)
  await offer(1)
  assert.equal(transport.answered, 32, 'they may open yet')
  await clock.advance(1_000)
  await offer(2)
  assert.deepEqual([transport.answered, transport.abandoned], [34, 2])
  desk.close()
})

test('where nobody waits, a connection may take its time', async () => {
  const { clock, transport, offer, desk } = openDesk()
  await offer(32)
  await clock.advance(18_000)
  assert.equal(transport.abandoned, 0)
  await clock.advance(3_000)
  assert.equal(transport.abandoned, 32)
  desk.close()
})
