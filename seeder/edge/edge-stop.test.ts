import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { MiB } from '../../protocol/units.ts'
import { openEdge } from '../../test/harness/edge.ts'
import { madeUp, openSite } from '../../test/harness/site.ts'

const FILE = 'film.bin'
const film = Buffer.from(madeUp(FILE, 24 * MiB))

test('told to stop, an edge finishes what it has begun to send, and begins nothing', { timeout: 30_000 }, async (t) => {
  const site = await openSite(t, { files: { [FILE]: film } })
  const { edge, get, bytes } = await openEdge(t, site.url)
  await bytes(FILE)
  const response = await get(FILE)
  const reader = response.body?.getReader() ?? assert.fail()
  const parts = [(await reader.read()).value ?? assert.fail()]
  const closed = edge.close(5_000)
  await assert.rejects(get(FILE))
  for (let part = await reader.read(); !part.done; part = await reader.read()) parts.push(part.value)
  assert.ok(Buffer.concat(parts).equals(film))
  await closed
})

test('a client that takes nothing is waited for no longer than told', { timeout: 30_000 }, async (t) => {
  const site = await openSite(t, { files: { [FILE]: film } })
  const { edge, url } = await openEdge(t, site.url)
  const socket = connect(Number(new URL(url).port), '127.0.0.1', () =>
    socket.write(`GET /${FILE} HTTP/1.1\r\nHost: x\r\n\r\n`),
  )
  socket.on('error', () => undefined)
  await new Promise((resolve) => socket.once('data', resolve))
  socket.pause()
  const beganMs = performance.now()
  await edge.close(500)
  const tookMs = performance.now() - beganMs
  assert.ok(tookMs >= 400 && tookMs < 2_500, `${tookMs} ms`)
  socket.destroy()
})
