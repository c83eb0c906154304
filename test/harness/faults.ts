import type { ServerResponse } from 'node:http'

/** What is wrong with the origin's answers for a path. */
export type Fault =
  /** Another status, with a short body. */
  | { readonly kind: 'status'; readonly status: number }
  /** Another body, as a whole, with status 200. */
  | { readonly kind: 'body'; readonly type: string; readonly body: string | Uint8Array }
  /** Another address. */
  | { readonly kind: 'redirect'; readonly to: string }
  /** The connection breaks after so many bytes of each body. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** After so many bytes of each body nothing more comes, and the connection stays. */
  | { readonly kind: 'stall'; readonly afterBytes: number }
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  /** The answer is right, with these headers besides. */
  | { readonly kind: 'headers'; readonly headers: Readonly<Record<string, string>> }

/** Applies a fault to a response. @returns whether it has been answered */
export function applyFault(response: ServerResponse, fault: Fault): boolean {
  switch (fault.kind) {
    case 'status':
      response.writeHead(fault.status, { 'Content-Type': 'text/plain', 'Cache-Control': 'no-store' }).end('fault\n')
      return true
    case 'body':
      response.writeHead(200, { 'Content-Type': fault.type, 'Content-Length': Buffer.byteLength(fault.body) })
      response.end(fault.body)
      return true
    case 'redirect':
      response.writeHead(302, { Location: fault.to }).end()
      return true
    case 'headers':
      for (const [name, value] of Object.entries(fault.headers)) response.setHeader(name, value)
      return false
    case 'cut':
      limitBody(response, fault.afterBytes, () => response.destroy())
      return false
    case 'stall':
      limitBody(response, fault.afterBytes, () => undefined)
      return false
    case 'slow':
      slowBody(response, fault.bytesPerSecond)
      return false
  }
}

type Write = (bytes: Uint8Array, done?: (error?: Error | null) => void) => boolean

/** The server writes bodies with `write` alone, and waits for each write before the next. */
function replaceWrite(response: ServerResponse, replacement: (write: Write) => Write): void {
  response.write = replacement(response.write.bind(response) as Write) as typeof response.write
}

function limitBody(response: ServerResponse, afterBytes: number, then: () => void): void {
  let left = afterBytes
  replaceWrite(response, (write) => (bytes, done) => {
    if (bytes.length <= left) {
      left -= bytes.length
      return write(bytes, done)
    }
    const part = bytes.subarray(0, left)
    left = 0
    // The write never reports back, so the server sends nothing more.
    return write(part, then)
  })
}

function slowBody(response: ServerResponse, bytesPerSecond: number): void {
  replaceWrite(response, (write) => (bytes, done) => {
    return write(bytes, (error) => setTimeout(() => done?.(error), (1000 * bytes.length) / bytesPerSecond))
  })
}
