// Stand-ins for what Node answers outside of the microtask queue, where no virtual clock can follow.

type Bytes = Uint8Array<ArrayBuffer>

/** A Blob of bytes in memory. */
export class SimBlob {
  readonly parts: readonly Bytes[]
  readonly size: number

  constructor(parts: readonly (Bytes | SimBlob)[] = []) {
    this.parts = parts.flatMap((part) => (part instanceof SimBlob ? part.parts : [part]))
    this.size = this.parts.reduce((sum, { length }) => sum + length, 0)
  }
}

export interface SimResponseInit {
  readonly status?: number
  readonly headers?: HeadersInit
}

/** The part of a Response that answers are made of, and read by. */
export class SimResponse {
  readonly status: number
  readonly statusText = ''
  readonly redirected = false
  readonly headers: Headers
  #body: ReadableStream<Bytes> | null

  constructor(body: ReadableStream<Bytes> | SimBlob | null, { status = 200, headers = {} }: SimResponseInit = {}) {
    this.status = status
    this.headers = new Headers(headers)
    this.#body = body instanceof SimBlob ? streamOfParts(body.parts) : body
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300
  }

  get body(): ReadableStream<Bytes> | null {
    return this.#body
  }

  clone(): SimResponse {
    const { status, headers } = this
    if (!this.#body) return new SimResponse(null, { status, headers })
    const [mine, theirs] = this.#body.tee()
    this.#body = mine
    return new SimResponse(theirs, { status, headers })
  }
}

function streamOfParts(parts: readonly Bytes[]): ReadableStream<Bytes> {
  const left = [...parts]
  return new ReadableStream({
    pull: (controller) => {
      const part = left.shift()
      if (part) controller.enqueue(part)
      else controller.close()
    },
  })
}
