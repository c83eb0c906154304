import type { VirtualLink } from './virtual-mesh.ts'

/** The types of the frames in one data channel message, which begin with whole frames here. */
function* framesIn(bytes: Uint8Array): Generator<{ type: number; at: number }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 0; at + 5 <= bytes.length; at += 4 + view.getUint32(at)) yield { type: bytes[at + 4] ?? -1, at }
}

/** Lets `change` alter the frames of one type as they leave; what it returns false for is swallowed. */
export function tamper(link: VirtualLink, type: number, change: (frame: Uint8Array) => boolean): void {
  link.tap = (bytes) => {
    if (bytes[0] === 0x13) return bytes // the handshake
    const changed = bytes.slice()
    for (const frame of framesIn(changed))
      if (frame.type === type && !change(changed.subarray(frame.at))) return undefined
    return changed
  }
}

/** Changes one byte of a frame. */
export function flip(frame: Uint8Array, at: number): boolean {
  frame[at] = (frame[at] ?? 0) ^ 1
  return true
}
