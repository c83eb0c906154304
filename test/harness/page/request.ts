/** What a page sees of an answer: all that two answers are compared by. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Bytes of the body that arrived. */
  readonly length: number
  /** SHA-256 of the body, hex; undefined when the body broke off. */
  readonly sha256: string | undefined
  /** Name of the error with which the request or its body failed. */
  readonly failure: string | undefined
  /** From the request to its headers, and to its end. */
  readonly headersMs: number
  readonly ms: number
}

export interface RequestOptions {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly credentials?: RequestCredentials
  readonly cache?: RequestCache
  /** Cancels the body after so many bytes. */
  readonly cancelAfter?: number
}

/** Fetches `url` to its end and describes the answer. Never rejects. */
export async function request(url: string, { cancelAfter = Number.POSITIVE_INFINITY, ...init }: RequestOptions = {}) {
  const startedAt = performance.now()
  const seen = { status: 0, headers: {}, length: 0, sha256: undefined, headersMs: Number.NaN } as Omit<
    { -readonly [K in keyof Answer]: Answer[K] },
    'failure' | 'ms'
  >
  const chunks: Uint8Array<ArrayBuffer>[] = []
  try {
    // The HTTP cache stays out of it: it would answer for the origin and for the worker alike.
    const response = await fetch(url, { cache: 'no-store', ...init })
    seen.status = response.status
    seen.headers = Object.fromEntries(response.headers)
    seen.headersMs = performance.now() - startedAt
    const reader = response.body?.getReader()
    for (let read = await reader?.read(); read && !read.done; read = await reader?.read()) {
      chunks.push(read.value)
      seen.length += read.value.length
      if (seen.length >= cancelAfter) {
        await reader?.cancel()
        break
      }
    }
    seen.sha256 = toHex(await crypto.subtle.digest('SHA-256', await new Blob(chunks).arrayBuffer()))
  } catch (error) {
    return { ...seen, failure: error instanceof Error ? error.name : String(error), ms: performance.now() - startedAt }
  }
  return { ...seen, failure: undefined, ms: performance.now() - startedAt }
}

function toHex(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
