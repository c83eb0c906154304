import type { IncomingMessage, ServerResponse } from 'node:http'
import { answerText, write } from './responses.ts'

/** An origin that has not begun to answer by then is taken for dead. */
const ORIGIN_MS = 15_000

const PASSED_ON = ['range', 'if-range', 'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since']

/** Of one connection (RFC 9110 section 7.6.1), set by us, or meant for one visitor. */
const KEPT_BACK = new Set([
  'access-control-allow-origin',
  'access-control-expose-headers',
  'alt-svc',
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'set-cookie',
  'strict-transport-security',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Answers with what the origin itself says, unverified and unstored: a file that the manifest does not describe. */
export async function passOn(request: IncomingMessage, response: ServerResponse, url: string): Promise<number> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const timer = setTimeout(() => gone.abort(), ORIGIN_MS)
  const given = PASSED_ON.flatMap((name) => {
    const value = request.headers[name]
    return typeof value === 'string' ? [[name, value] as const] : []
  })
  const headers = { ...Object.fromEntries(given), 'accept-encoding': 'identity' }
  let origin: Response
  try {
    origin = await fetch(url, { method: request.method ?? 'GET', headers, redirect: 'manual', signal: gone.signal })
  } catch {
    if (!response.destroyed) answerText(response, 502, 'the origin cannot be reached')
    return 0
  } finally {
    clearTimeout(timer)
  }
  for (const name of response.getHeaderNames()) if (!KEPT_BACK.has(name)) response.removeHeader(name)
  // A body that was compressed all the same is not any more.
  const isDecoded = origin.headers.has('content-encoding')
  for (const [name, value] of origin.headers)
    if (!KEPT_BACK.has(name) && !(isDecoded && /^content-(encoding|length)$/.test(name)))
      response.setHeader(name, value)
  // Followed by the client or not at all: what else an edge can reach is no part of the site.
  const location = origin.headers.get('location')
  if (location !== null && URL.canParse(location, url)) response.setHeader('Location', new URL(location, url).href)
  response.setHeader('Cache-Status', 'tributary; fwd=bypass')
  response.writeHead(origin.status)
  return await sendOn(origin, response)
}

/** @returns bytes that were sent */
async function sendOn(origin: Response, response: ServerResponse): Promise<number> {
  let sent = 0
  try {
    for await (const bytes of origin.body ?? []) {
      if (!(await write(response, bytes))) return sent
      sent += bytes.length
    }
    response.end()
  } catch {
    response.destroy() // what ends early must not look complete
  }
  return sent
}
