import { reasonOf, SeederError } from './errors.ts'
import { type TransportMaker, WebRtcProcess } from './webrtc/webrtc-process.ts'

export type { TransportMaker }

/** One for all of a program's connections. */
let started: Promise<WebRtcProcess> | undefined

/**
 * WebRTC for Node. Its process is started here and not before, so that whoever does not seed does not need it.
 * @throws SeederError when it does not load on this machine
 */
export async function loadNodeTransport(): Promise<TransportMaker> {
  started ??= WebRtcProcess.start()
  const { makeTransport } = await started.catch((error: unknown) => {
    started = undefined
    throw new SeederError(
      `WebRTC for Node does not load on this machine (${reasonOf(error)})`,
      'install it with: npm install @roamhq/wrtc',
      { cause: error },
    )
  })
  return makeTransport
}
