import type { ChunkSpan } from '../protocol/geometry.ts'
import type { ChunkIndex } from '../protocol/units.ts'
import { encodeLoading, MAX_LOADING_SPANS } from '../protocol/wire/loading.ts'
import { Availability } from './availability.ts'
import type { LinkId } from './peer.ts'

/** What a peer says counts for this long. */
const LIFE_MS = 10_000
/** We say it again by then, while it still holds. */
const RENEW_MS = 5_000
/** What we were told to say, and not told again since, is taken back: whoever told us may be gone. */
const OWN_LIFE_MS = 30_000
/** Chunks of one peer that are counted: more than anybody fetches at a time, few enough to count in no time. */
const MAX_CHUNKS = 4096

interface Announcement {
  readonly spans: readonly ChunkSpan[]
  heardMs: number
}

/** Which chunks we and our peers are fetching from the origin. Work grows with the chunks named, not with the swarm. */
export class Loading {
  /** The last word of each peer that names any. */
  readonly #heard = new Map<LinkId, Announcement>()
  readonly #counts: Availability
  readonly #chunkCount: number
  #own: Uint8Array<ArrayBuffer> = encodeLoading([])
  #ownSetMs = 0
  #saidMs = 0

  constructor(chunkCount: number) {
    this.#chunkCount = chunkCount
    this.#counts = new Availability(chunkCount)
  }

  /** What peers fetch, in wire order. A view that changes. */
  get union(): Uint8Array<ArrayBuffer> {
    return this.#counts.union
  }

  /** What we fetch, as peers are told. */
  get own(): Uint8Array<ArrayBuffer> {
    return this.#own
  }

  /** @returns whether peers are to be told */
  set(chunks: readonly ChunkSpan[], nowMs: number): boolean {
    this.#ownSetMs = nowMs
    return this.#say(encodeLoading(this.#tellable(chunks)), nowMs)
  }

  /** A peer's new word, which takes back what it said before. @returns whether `union` changed */
  heard(link: LinkId, said: readonly ChunkSpan[], nowMs: number): boolean {
    const spans = counted(said)
    const known = this.#heard.get(link)
    if (known !== undefined && sameSpans(known.spans, spans)) {
      known.heardMs = nowMs
      return false
    }
    this.forget(link)
    if (spans.length === 0) return known !== undefined
    this.#heard.set(link, { spans, heardMs: nowMs })
    each(spans, (chunk) => this.#counts.add(chunk))
    return true
  }

  /** @returns whether `union` changed */
  forget(link: LinkId): boolean {
    const known = this.#heard.get(link)
    if (known === undefined) return false
    this.#heard.delete(link)
    each(known.spans, (chunk) => this.#counts.remove(chunk))
    return true
  }

  /** @returns whether `union` changed, and whether peers are to be told what we fetch */
  tick(nowMs: number): { changed: boolean; tell: boolean } {
    let changed = false
    for (const [link, { heardMs }] of this.#heard) if (nowMs - heardMs >= LIFE_MS && this.forget(link)) changed = true
    if (this.#own.length === 0 || nowMs - this.#saidMs < RENEW_MS) return { changed, tell: false }
    this.#saidMs = nowMs
    if (nowMs - this.#ownSetMs >= OWN_LIFE_MS) this.#own = encodeLoading([])
    return { changed, tell: true }
  }

  #say(payload: Uint8Array<ArrayBuffer>, nowMs: number): boolean {
    if (payload.length === this.#own.length && payload.every((byte, i) => byte === this.#own[i])) return false
    this.#own = payload
    this.#saidMs = nowMs
    return true
  }

  /** Runs within the swarm, neighbours joined; the first ones where there are too many. */
  #tellable(chunks: readonly ChunkSpan[]): ChunkSpan[] {
    const runs: { first: ChunkIndex; after: ChunkIndex }[] = []
    for (const { first, after } of chunks) {
      const end = Math.min(after, this.#chunkCount) as ChunkIndex
      const last = runs[runs.length - 1]
      if (first >= end) continue
      if (last !== undefined && first >= last.first && first <= last.after)
        last.after = Math.max(last.after, end) as ChunkIndex
      else runs.push({ first, after: end })
    }
    return runs.slice(0, MAX_LOADING_SPANS)
  }
}

/** The first MAX_CHUNKS of them. */
function counted(spans: readonly ChunkSpan[]): ChunkSpan[] {
  let left = MAX_CHUNKS
  const kept: ChunkSpan[] = []
  for (const { first, after } of spans) {
    const end = Math.min(after, first + left) as ChunkIndex
    if (first < end) kept.push({ first, after: end })
    left -= end - first
  }
  return kept
}

function each(spans: readonly ChunkSpan[], visit: (chunk: number) => void): void {
  for (const { first, after } of spans) for (let chunk: number = first; chunk < after; chunk++) visit(chunk)
}

function sameSpans(a: readonly ChunkSpan[], b: readonly ChunkSpan[]): boolean {
  return a.length === b.length && a.every(({ first, after }, i) => first === b[i]?.first && after === b[i]?.after)
}
