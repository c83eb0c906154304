import type { Transport } from '../mesh/transport.ts'

/**
 * Offers in the making at the same time. While a connection gathers candidates, WebRTC for Node gathers those of TCP anew for
 * each other that begins to: n at once hold some 4 n² sockets, and 60 of them all that a process may open. One takes 0.1 s.
 */
const AT_ONCE = 4

/** Of the whole process, as the sockets are. */
let gathering = 0
const waiting: (() => void)[] = []

/** The same transport, making few offers at a time. Answers do not wait: somebody does for them. */
export function unhurried(transport: Transport): Transport {
  return {
    answer: (sdp) => transport.answer(sdp),
    offer: async () => {
      if (gathering >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve))
      else gathering++
      try {
        return await transport.offer()
      } finally {
        // Whoever is next takes the place over.
        const next = waiting.shift()
        if (next !== undefined) next()
        else gathering--
      }
    },
  }
}
