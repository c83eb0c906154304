import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Link, Transport } from '../../mesh/transport.ts'
import { eventually } from '../../test/harness/poll.ts'
import { WebRtcProcess } from './webrtc-process.ts'

const KILOBYTE = 1024

async function started() {
  const webRtc = await WebRtcProcess.start()
  const crashes: string[] = []
  webRtc.makeTransport.onCrash?.((how) => crashes.push(how))
  return { webRtc, crashes, transport: webRtc.makeTransport([]) }
}

async function connect(from: Transport, to: Transport): Promise<[Link, Link]> {
  const offer = await from.offer()
  const answer = await to.answer(offer.sdp)
  offer.accept(answer.sdp)
  return await Promise.all([offer.opened, answer.opened])
}

function listen(link: Link) {
  const heard = { bytes: 0, drains: 0, closes: 0 }
  link.listen({
    onMessage: (bytes) => {
      heard.bytes += bytes.length
    },
    onDrain: () => heard.drains++,
    onClose: () => heard.closes++,
  })
  return heard
}

test('a link carries bytes both ways, says what is buffered, and ends at both ends', async () => {
  const { transport, crashes } = await started()
  const [a, b] = await connect(transport, transport)
  const [atA, atB] = [listen(a), listen(b)]
  assert.equal(a.channel, b.channel)
  for (let i = 0; i < 32; i++) a.send(new Uint8Array(16 * KILOBYTE))
  b.send(new Uint8Array(3))
  assert.equal(a.buffered, 512 * KILOBYTE)
  await eventually(
    () => [atB.bytes, atA.bytes, a.buffered, b.buffered].join(),
    (state) => state === [512 * KILOBYTE, 3, 0, 0].join(),
  )
  assert.ok(atA.drains > 0)
  a.close()
  await eventually(
    () => atB.closes,
    (closes) => closes === 1,
  )
  assert.deepEqual([atA.closes, crashes.length], [0, 0])
})

test('a process that ends takes its connections along, and the next connection has another', async () => {
  const { webRtc, crashes, transport } = await started()
  const [a, b] = await connect(transport, transport)
  const [atA, atB] = [listen(a), listen(b)]
  const pending = await transport.offer()
  process.kill(webRtc.pid ?? 0, 'SIGSEGV')
  await assert.rejects(pending.opened, /has ended/)
  assert.deepEqual([atA.closes, atB.closes, a.buffered, crashes.join()], [1, 1, 0, 'SIGSEGV'])
  a.send(new Uint8Array(1)) // says nothing, and breaks nothing
  const [c] = await connect(transport, transport)
  c.close()
})

test('an offer that is abandoned never opens', async () => {
  const { transport } = await started()
  const offer = await transport.offer()
  offer.abandon()
  await assert.rejects(offer.opened, /closed/)
})
