import { once } from 'node:events'
import { createServer } from 'node:http'
import { Tracker } from '../../manifest-tool/serve/tracker.ts'
import type { Owner } from './scratch.ts'

/** A tracker alone, and its end. */
export interface TrackerUnderTest {
  readonly url: string
  /** Ends it and all its connections. */
  kill(): void
}

export async function openTracker(owner: Owner): Promise<TrackerUnderTest> {
  const tracker = new Tracker()
  const server = createServer()
  server.on('upgrade', (request, socket, head) => tracker.upgrade(request, socket, head))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  let isAlive = true
  const kill = () => {
    if (!isAlive) return
    isAlive = false
    tracker.close()
    server.close()
  }
  owner.after(kill)
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return { url: `ws://127.0.0.1:${address.port}/`, kill }
}
