import { type ByteSpan, bytesOfChunk, chunkAt } from '../protocol/geometry.ts'
import type { ManifestFile } from '../protocol/manifest.ts'
import { answerRange, isOpenRange, parseContentRange, rangeHeader } from '../protocol/range.ts'
import { KiB, MiB } from '../protocol/units.ts'
import type { Demand, Playback } from '../supply/demand.ts'
import {
  disposition,
  type FileHead,
  headFromManifest,
  headOf,
  matchesIfRange,
  responseInit,
  unsatisfiable,
  versionOf,
} from '../supply/head.ts'
import { askOrigin, isBusy, type OriginAnswer } from '../supply/origin.ts'
import { blobOf, SpanReader } from '../supply/span-reader.ts'
import { feedsPlayer, type Target, takesWindows, targetOf, unnamed } from './route.ts'
import type { SwarmSession } from './session.ts'
import { RawRest, streamOf } from './stream.ts'

/** A media element gets a window of what it asked for: this much while it comes in, more when it is held. */
const WINDOW_BYTES = 1 * MiB
const HELD_WINDOW_BYTES = 4 * MiB

/** A window of stored bytes shorter than this is not worth an answer of its own. */
const LEAST_WINDOW_BYTES = 256 * KiB

/** A reader that begins inside a chunk waits for the chunk's beginning to pass, unless that is more than this. */
const MAX_LEAD_BYTES = 256 * KiB

/** A longer answer is worth that wait, for the rest of it then comes from chunks and becomes some. */
const MAX_APART_BYTES = 32 * MiB

/** A cached answer that is no longer than this may be in the browser's memory before its reader asks for it. */
const MAX_READ_AHEAD_BYTES = 4 * MiB

/** Nobody fetches more than this, and reads none of it, only to have it in the cache: the browser's own takes less. */
const MAX_WARMING_BYTES = 64 * MiB

/** What an answer needs of the worker. */
export interface AnswerContext {
  /** The browser's own name for itself. */
  readonly userAgent: string
  /** Where the media element of this page and file has come to. */
  readonly cursors: MediaCursors
  /** How the media element that asks, or is fed, stands. */
  playback(): Partial<Playback>
  head(file: ManifestFile): FileHead | undefined
  /** The origin answered with something else than the manifest's file: it goes its own way from now on. */
  answered(file: ManifestFile, answer: OriginAnswer): void
  /** The cache saved so many bytes. */
  served(bytes: number): void
  /** A streamed answer has begun; call the result when it is over. */
  streaming(): () => void
}

export interface Asked {
  readonly request: Request
  readonly clientId: string
  readonly target: Target
  readonly file: ManifestFile
  readonly session: SwarmSession
  /** Whether the answer must have no address, see Natives. */
  readonly isMade: boolean
}

type Foreign = Pick<Asked, 'request' | 'target' | 'isMade'>

/** Answers a request for a file of the manifest. Rejects only where the origin itself would have failed. */
export async function answer(asked: Asked, context: AnswerContext): Promise<Response> {
  const { request, file } = asked
  const head = context.head(file)
  const ifRange = request.headers.get('if-range')
  // Whether an unknown version matches, only the origin can say.
  if (ifRange !== null && !head) return await plainAnswer(asked, file.path)
  const isCurrent = ifRange === null || (head && matchesIfRange(ifRange, head))
  const range = isCurrent ? request.headers.get('range') : null
  const wanted = answerRange(range, file.size)
  if (wanted.kind === 'unsatisfiable') return await plainAnswer(asked, file.path).catch(() => unsatisfiable(file))
  const part = wanted.kind === 'part' ? wanted.span : undefined
  const media = part && isOpenRange(range) && takesWindows(request, context.userAgent)
  return media ? await answerMedia(asked, context, part.start) : await answerExactly(asked, context, part)
}

/** The origin's own answer to a request for what may be no file of ours. */
export async function foreignAnswer(request: Request, isMade = false): Promise<Response> {
  // A name in a link counts for listed files alone: it could make a program of any other answer.
  const target = unnamed(targetOf(request.url))
  return await plainAnswer({ request, target, isMade }, new URL(target.url).pathname)
}

/**
 * The origin's own answer, with the name of a download put on.
 * @param path whose last segment is the name when the link gives none
 */
export async function plainAnswer(asked: Foreign, path: string): Promise<Response> {
  const { url, downloadName } = asked.target
  const { credentials, headers } = asked.request
  const answering = downloadName === undefined ? fetch(asked.request) : fetch(url, { credentials, headers })
  return ownAnswer(asked, await answering, path)
}

/** A window from `start` on: what is held at once, else a short stretch as it comes in. */
async function answerMedia(asked: Asked, context: AnswerContext, start: number): Promise<Response> {
  const { file, session, clientId } = asked
  const { cache, supply } = session
  const begin = context.cursors.begin(clientId, file, start)
  const demand = demandFor(asked, { begin, position: start, end: file.size, media: true, playback: context.playback })
  if (begin === start) supply.sought(demand)
  const heldUntil = cache.heldUntil(file, start, Math.min(file.size, start + HELD_WINDOW_BYTES))
  const isWorthIt = heldUntil - start >= Math.min(LEAST_WINDOW_BYTES, file.size - start)
  const lastChunk = chunkAt(file, Math.min(start + WINDOW_BYTES, file.size) - 1)
  const window = { start, end: isWorthIt ? heldUntil : bytesOfChunk(file, lastChunk).end }
  context.cursors.move(clientId, file, begin, window.end)
  return await answerSpan(asked, context, demand, window, window)
}

async function answerExactly(asked: Asked, context: AnswerContext, part: ByteSpan | undefined): Promise<Response> {
  const { request, file } = asked
  const { start, end } = part ?? { start: 0, end: file.size }
  const playback = feedsPlayer(request, file) ? context.playback : () => ({})
  const demand = demandFor(asked, { begin: start, position: start, end, media: false, playback })
  return await answerSpan(asked, context, demand, { start, end }, part)
}

function demandFor({ file, target, request }: Asked, rest: Omit<Demand, 'file' | 'access' | 'readMs'>): Demand {
  return { file, access: { url: target.url, credentials: request.credentials }, readMs: Date.now(), ...rest }
}

/** @param part undefined for a 200 */
async function answerSpan(
  asked: Asked,
  context: AnswerContext,
  demand: Demand,
  span: ByteSpan,
  part: ByteSpan | undefined,
): Promise<Response> {
  const { file, session } = asked
  const { cache, supply } = session
  const isHeld = cache.heldUntil(file, span.start, span.end) === span.end
  const blob = isHeld ? await blobOf(cache, demand, span.start, span.end) : undefined
  if (!blob) return await answerAsItComes(asked, context, demand, span, part)
  context.served(cache.delivered(file, span))
  if (demand.media) supply.ahead({ ...demand, position: span.end })
  return atReadersPace(asked, madeOf(blob, asked, headFor(asked, context), part), blob.size > MAX_READ_AHEAD_BYTES)
}

/**
 * Chromium takes what a script fetches into memory before the script reads it, many MiB of it, and leaves it to the garbage
 * collector, unless it is not to be stored (docs/decisions/011).
 */
function atReadersPace({ request }: Asked, response: Response, isLong: boolean): Response {
  const own = response.headers.get('cache-control')
  if (isLong && request.destination === '')
    // In one value: of several, a page gets the first alone.
    response.headers.set('cache-control', own ? `${own}, no-store` : 'no-store')
  return response
}

function headFor({ file }: Asked, context: AnswerContext): FileHead {
  return context.head(file) ?? headFromManifest(file)
}

function madeOf(body: BodyInit, { file, target }: Asked, head: FileHead, part: ByteSpan | undefined): Response {
  return new Response(body, responseInit({ file, head, part, downloadName: target.downloadName }))
}

async function answerAsItComes(
  asked: Asked,
  context: AnswerContext,
  demand: Demand,
  span: ByteSpan,
  part: ByteSpan | undefined,
): Promise<Response> {
  const { file, session } = asked
  const { cache, supply } = session
  const first = chunkAt(file, span.start)
  const lead = span.start - bytesOfChunk(file, first).start
  const startsHere = supply.startsAtOrigin(demand)
  const slot = cache.slot(first)
  // A transfer for somebody else may be slow or paused, and far from where this reader begins.
  const isBehind = slot?.source === 'origin' && slot.state === 'filling' && lead - slot.filled > MAX_LEAD_BYTES
  const isShort = span.end - span.start <= MAX_APART_BYTES
  if (isShort && (isBehind || (startsHere && lead > MAX_LEAD_BYTES)))
    return await answerFromOrigin(asked, context, span, part)
  if (startsHere) {
    const refused = await supply.ask(demand, first, (origin, stretch) => {
      // An origin without ranges: what it would send anyway, it sends itself.
      const isOther = origin.kind !== 'bytes' || origin.span.start !== stretch.start
      if (isOther || (demand.media && origin.response.status === 200)) return origin
      supply.demands.add(demand)
      supply.adopt(demand, origin, stretch.end)
      return undefined
    })
    // In the middle of a film that is no answer: alone, it would have come in one.
    const goesOn = demand.begin < demand.position && refused && isBusy(refused.response)
    if (refused && !goesOn) return await handOn(asked, context, refused)
  }
  const head = headFor(asked, context)
  supply.demands.add(demand)
  supply.ahead(demand)
  const over = context.streaming()
  const reader = new SpanReader({
    cache,
    supply,
    demand,
    end: span.end,
    version: versionOf(head),
    served: context.served,
  })
  const body = streamOf({
    reader,
    raw: () => rawRest(demand, span.end, reader),
    over: () => {
      supply.leave(demand)
      over()
    },
  })
  return atReadersPace(asked, madeOf(body, asked, head, part), span.end - span.start > MAX_WARMING_BYTES)
}

/** The file turned out to be another version, and the reader has had nothing but that version: the origin goes on alone. */
async function rawRest(demand: Demand, end: number, { validator }: SpanReader): Promise<RawRest | undefined> {
  if (!validator) return undefined
  const response = await fetch(demand.access.url, {
    cache: 'no-store',
    credentials: demand.access.credentials,
    headers: { range: rangeHeader({ start: demand.position, end }), 'if-range': validator },
  })
  const got = parseContentRange(response.headers.get('content-range'))
  const goesOn = response.status === 206 && got?.span.start === demand.position && got.span.end === end
  if (goesOn && response.body) return new RawRest(response.body, end - demand.position)
  await response.body?.cancel().catch(() => {})
  return undefined
}

/** The origin's own response to exactly this span; whole chunks that pass by are kept. */
async function answerFromOrigin(
  asked: Asked,
  context: AnswerContext,
  span: ByteSpan,
  part: ByteSpan | undefined,
): Promise<Response> {
  const { file, session, target, request } = asked
  const origin = await askOrigin({ url: target.url, credentials: request.credentials, file, span: part && span })
  const length = origin.kind === 'bytes' ? origin.span.end - origin.span.start : 0
  if (origin.kind !== 'bytes' || length > span.end - span.start) return await handOn(asked, context, origin)
  session.supply.keep(file, { ...origin, response: origin.response.clone() })
  return ownAnswer(asked, origin.response, file.path)
}

/** The origin has no bytes of this file for us: the page gets what it would have got. */
async function handOn(asked: Asked, context: AnswerContext, origin: OriginAnswer): Promise<Response> {
  const { file } = asked
  context.answered(file, origin)
  // To a range that it does not know, an origin sends what it would send anybody.
  const isOwn = origin.kind === 'status' || (origin.kind === 'bytes' && origin.response.status === 200)
  if (isOwn) return ownAnswer(asked, origin.response, file.path)
  await origin.response.body?.cancel().catch(() => {})
  return await plainAnswer(asked, file.path)
}

/** The origin's answer to us as an answer to the page. */
function ownAnswer({ request, target, isMade }: Foreign, response: Response, path: string): Response {
  if (target.downloadName !== undefined && response.ok) return named(response, target.downloadName, path)
  // A navigation does not take an answer that was redirected (Fetch standard, "HTTP fetch").
  const takesNoAddress = isMade || (response.redirected && request.redirect !== 'follow')
  // What another site lets nobody read, nobody can make anew.
  return takesNoAddress && response.status > 0 ? new Response(response.body, response) : response
}

function named(response: Response, downloadName: string, path: string): Response {
  const headers = new Headers(response.headers)
  headers.set('content-disposition', disposition(headOf(response), downloadName, path))
  // The body is decoded by now, so neither says the truth about it.
  if (headers.has('content-encoding')) for (const name of ['content-encoding', 'content-length']) headers.delete(name)
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers })
}

const MAX_CURSORS = 256

/** Where media elements have come to, to tell a seek from going on. In memory alone: a wrong guess costs one window. */
export class MediaCursors {
  readonly #cursors = new Map<string, { readonly begin: number; readonly end: number }>()

  /** Where the reading that `start` belongs to began. */
  begin(clientId: string, file: ManifestFile, start: number): number {
    const cursor = this.#cursors.get(`${clientId} ${file.path}`)
    const goesOn = cursor && start >= cursor.begin && start <= cursor.end && start > cursor.end - HELD_WINDOW_BYTES
    return goesOn ? cursor.begin : start
  }

  move(clientId: string, file: ManifestFile, begin: number, end: number): void {
    if (this.#cursors.size >= MAX_CURSORS) this.#cursors.clear()
    this.#cursors.set(`${clientId} ${file.path}`, { begin, end })
  }
}
