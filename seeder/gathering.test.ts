import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import type { Offer } from '../mesh/transport.ts'
import { unhurried } from './gathering.ts'
import { loadNodeTransport } from './node-transport.ts'

const COUNT = 20
/** Of one connection that gathers beside three others: sockets of UDP and TCP on each address, and what its threads need. */
const MOST_FILES = 60

test('offers are made a few at a time, and all of them in the end, whether or not some fail', async () => {
  let making = 0
  let most = 0
  const transport = unhurried({
    offer: async (): Promise<Offer> => {
      most = Math.max(most, ++making)
      await new Promise((resolve) => setImmediate(resolve))
      if (making-- % 2 === 0) throw new Error('none today')
      return { sdp: '', opened: new Promise(() => undefined), abandon: () => undefined, accept: () => undefined }
    },
    answer: () => Promise.reject(new Error('nobody asks')),
  })
  const made = await Promise.allSettled(Array.from({ length: COUNT }, () => transport.offer()))
  assert.equal(made.length, COUNT)
  assert.ok(most <= 4, `${most} at once`)
})

test('many offers at the same time take open files in proportion', { skip: process.platform !== 'linux' }, async () => {
  const before = openFiles()
  const transport = (await loadNodeTransport())([])
  const offers = await Promise.all(Array.from({ length: COUNT }, () => transport.offer()))
  const files = openFiles() - before
  for (const offer of offers) offer.abandon()
  assert.ok(files < COUNT * MOST_FILES, `${files} open files`)
})

function openFiles(): number {
  return readdirSync('/proc/self/fd').length
}
