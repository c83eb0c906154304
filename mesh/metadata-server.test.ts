import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeMetadata, METADATA_PIECE, type MetadataMessage, parseMetadata } from '../protocol/wire/metadata.ts'
import type { ExtensionLine } from './extension.ts'
import { MetadataServer } from './metadata-server.ts'

const INFO = Uint8Array.from({ length: METADATA_PIECE + 100 }, (_, i) => i % 251)

/** A peer that asks for pieces. */
function asker(server: MetadataServer) {
  const heard: MetadataMessage[] = []
  const line: Pick<ExtensionLine, 'send'> = { send: (payload) => heard.push(parseMetadata(payload)) }
  const events = server.open(line as ExtensionLine)
  const ask = async (...pieces: number[]) => {
    const before = heard.length
    for (const piece of pieces) events.onMessage(encodeMetadata({ kind: 'request', piece }))
    await new Promise((resolve) => setImmediate(resolve))
    return heard.slice(before)
  }
  return { ask }
}

const kinds = (messages: readonly MetadataMessage[]) => messages.map(({ kind }) => kind)

test('the info dictionary is got when it is first asked for, once, and given piece by piece', async () => {
  let loads = 0
  const server = new MetadataServer(INFO.length, async () => {
    loads++
    return INFO
  })
  assert.equal(loads, 0)
  const given = await asker(server).ask(0, 1)
  await asker(server).ask(0)
  assert.equal(loads, 1)
  const bytes = given.flatMap((message) => (message.kind === 'data' ? [...message.bytes] : []))
  assert.deepEqual(bytes, [...INFO])
})

test('what is not there is refused, and so is who asks without end', async () => {
  const { ask } = asker(new MetadataServer(INFO.length, async () => INFO))
  assert.deepEqual(kinds(await ask(2)), ['reject'])
  assert.deepEqual(kinds(await ask(0, 1, 0, 1, 0, 1, 0)).sort(), [...Array(6).fill('data'), 'reject'])
})

test('an info dictionary that cannot be had, or has another size, is tried for three times', async () => {
  let loads = 0
  const sources = [() => Promise.reject(new TypeError('offline')), async () => undefined, async () => INFO.slice(1)]
  const server = new MetadataServer(INFO.length, () => sources[loads++]?.() ?? Promise.resolve(INFO))
  for (let i = 0; i < 5; i++) assert.deepEqual(kinds(await asker(server).ask(0)), ['reject'])
  assert.equal(loads, 3)
})

test('it is there when a later try brings it', async () => {
  let loads = 0
  const server = new MetadataServer(INFO.length, async () => (loads++ > 0 ? INFO : undefined))
  assert.deepEqual(kinds(await asker(server).ask(0)), ['reject'])
  assert.deepEqual(kinds(await asker(server).ask(0)), ['data'])
})
