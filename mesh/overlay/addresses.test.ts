import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ExtensionLine } from '../extension.ts'
import { Addresses } from './addresses.ts'

const bytes = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0))
const settled = () => new Promise((resolve) => setImmediate(resolve))

function remembering(saved: readonly string[] = []) {
  const kept: (readonly string[])[] = []
  let loaded = 0
  const book = { load: async () => saved, save: (urls: readonly string[]) => void kept.push(urls) }
  const addresses = new Addresses(book, () => void loaded++)
  const said: string[] = []
  const link = { buffered: 0, send: () => undefined, close: () => undefined, listen: () => undefined }
  const send = (payload: Uint8Array) => void said.push(Buffer.from(payload).toString())
  const line: ExtensionLine = { link, send, close: () => undefined }
  const open = () => addresses.open(line)
  return { addresses, kept, said, open, loads: () => loaded }
}

test('what was remembered comes to mind, but for what is no address', async () => {
  const { addresses, loads } = remembering(['wss://a.example/', 'https://b.example/', 'ws://c d/'])
  await settled()
  assert.deepEqual(addresses.known, ['wss://a.example/'])
  assert.equal(loads(), 1)
})

test('addresses that are heard are kept, the newest first, and not too many', () => {
  const { addresses, kept, open } = remembering()
  for (let i = 0; i < 20; i++) open().onMessage(bytes(`ws://peer${i}/`))
  open().onMessage(bytes('javascript:alert()'))
  open().onMessage(bytes(`ws://${'x'.repeat(300)}`))
  assert.equal(addresses.known.length, 16)
  assert.equal(addresses.known[0], 'ws://peer19/')
  assert.deepEqual(kept.at(-1), addresses.known)
})

test('a peer tells of one address, however many it says', () => {
  const { addresses, kept, open } = remembering()
  open().onMessage(bytes('ws://honest/'))
  const line = open()
  for (let i = 0; i < 20; i++) line.onMessage(bytes(`ws://made-up${i}/`))
  assert.deepEqual(addresses.known, ['ws://made-up0/', 'ws://honest/'])
  assert.equal(kept.length, 2)
})

test('an address that somebody named is kept once a peer says that it is there', () => {
  const { addresses, kept, open } = remembering()
  addresses.add(['ws://door/'])
  assert.deepEqual(kept, [])
  open().onMessage(bytes('ws://door/'))
  assert.deepEqual(kept, [['ws://door/']])
})

test('our own address is told to those who are there, and to those who come', () => {
  const { addresses, said, open } = remembering()
  open()
  addresses.own = 'ws://us/'
  open()
  assert.deepEqual(said, ['ws://us/', 'ws://us/'])
  assert.throws(() => {
    addresses.own = 'http://us/'
  }, RangeError)
})
