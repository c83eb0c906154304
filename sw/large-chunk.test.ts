import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Throughput } from '../supply/throughput.ts'
import { digestOf, madeUp, WorkerSite } from '../test/harness/worker/worker-site.ts'

/** As much as a transfer runs ahead of its reader. */
const CHUNK = 4 * 1024 * 1024

/** The origin's bodies come as soon as they are read, a whole chunk at a time. */
function atOnce(t: TestContext, bytes: Uint8Array<ArrayBuffer>): void {
  const real = globalThis.fetch
  t.mock.method(globalThis, 'fetch', async (input: string, init?: RequestInit) => {
    const { body, status, headers } = await real(input, init)
    if (!input.endsWith('a.bin')) return new Response(body, { status, headers })
    await body?.cancel()
    let at = 0
    const pull = (controller: ReadableByteStreamController) => {
      controller.enqueue(bytes.slice(at, at + CHUNK))
      at += CHUNK
      if (at >= bytes.length) controller.close()
    }
    return new Response(new ReadableStream({ type: 'bytes', pull }), { status, headers })
  })
}

test('a chunk that comes while its reader turns to the transfer is not waited for', { timeout: 20_000 }, async (t) => {
  const bytes = madeUp(4 * CHUNK)
  const site = await WorkerSite.open(t, { files: { 'a.bin': { bytes, chunkSize: CHUNK } } })
  t.mock.getter(Throughput.prototype, 'perMs', () => CHUNK)
  atOnce(t, bytes)
  const answer = new Uint8Array(await (await site.respond('a.bin')).arrayBuffer())
  assert.equal(digestOf(answer), digestOf(bytes))
})
