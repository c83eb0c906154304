import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../mesh/clock.ts'
import { type ByteSpan, bytesOfChunk, chunkAt } from '../../protocol/geometry.ts'
import type { ManifestFile, SwarmManifest } from '../../protocol/manifest.ts'
import { MiB } from '../../protocol/units.ts'
import type { Catalogue } from './catalogue.ts'
import type { EdgeSwarm, Reader } from './edge-swarm.ts'
import { type GiveBack, MemoryPool } from './memory-pool.ts'
import { passOn } from './pass-on.ts'
import { answerText, type Head, wantedSpan, write } from './responses.ts'

export interface FrontOptions {
  readonly catalogue: () => Catalogue
  /** The manifest as the site serves it. */
  readonly manifestText: () => string
  /** Somebody asks for a file of this swarm. */
  readonly open: (swarm: SwarmManifest) => Promise<EdgeSwarm>
  /** Whether the origin was found to have another file than the manifest says. */
  readonly differs: (file: ManifestFile) => boolean
  /** What answers may keep in memory together: bytes. */
  readonly memory: number
  readonly clock: Clock
  /** Neither peers nor the origin bring what a client asks for. */
  readonly failed: (file: ManifestFile, error: unknown) => void
}

/** What HTTP clients were given. */
export interface FrontCounts {
  /** Answers by status. */
  readonly answers: ReadonlyMap<number, number>
  /** Bytes of bodies. */
  readonly bytes: number
  /** Those of them that were passed on as the origin had them. */
  readonly passedOn: number
  /** Answers under way. */
  readonly active: number
}

/** A transfer from the origin runs so far ahead of its reader. */
const AHEAD_BYTES = 4 * MiB
/** A piece of a file in a reader's hands: one is being sent while the next one is read. */
const PIECE_BYTES = 1 * MiB
/** Who finds no memory is put off after this long. */
const PATIENCE_MS = 3_000
const RETRY_AFTER_S = 1
/** Where memory is short, clients that take less than a piece in this time, 280 kbit/s, give way to others. */
const SLOW_MS = 30_000

/** Answers HTTP as the site would, from chunks. */
export class Front {
  readonly #options: FrontOptions
  readonly #answers = new Map<number, number>()
  #bytes = 0
  #passedOn = 0
  #active = 0
  readonly #memory: MemoryPool
  /** Answers whose clients have not taken what they were sent: since when, and what they keep in memory. Oldest first. */
  readonly #untaken = new Map<ServerResponse, { readonly sinceMs: number; readonly memory: number }>()
  #manifestHead: { readonly text: string; readonly head: Head; readonly body: Buffer } | undefined

  constructor(options: FrontOptions) {
    this.#options = options
    this.#memory = new MemoryPool(options.memory)
  }

  get counts(): FrontCounts {
    return { answers: new Map(this.#answers), bytes: this.#bytes, passedOn: this.#passedOn, active: this.#active }
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#active++
    response.once('close', () => {
      this.#active--
      this.#answers.set(response.statusCode, (this.#answers.get(response.statusCode) ?? 0) + 1)
    })
    const catalogue = this.#options.catalogue()
    const target = request.url ?? ''
    const [entry, url] = [catalogue.find(target), catalogue.urlOf(target)]
    if (entry === undefined || url === undefined) return answerText(response, 404, 'this is no file of the manifest')
    if (entry.kind === 'manifest') return await this.#answerManifest(request, response)
    // With the kill switch thrown, chunks are nobody's business any more.
    if (entry.kind === 'torrent' || catalogue.manifest.disabled) return await this.#passOn(request, response, url)
    const swarm = await this.#options.open(entry.swarm)
    if (entry.kind === 'hashes') return await this.#answerHashes(request, response, swarm, url)
    await this.#answerFile(request, response, swarm, { file: entry.file, url })
  }

  async #answerFile(
    request: IncomingMessage,
    response: ServerResponse,
    swarm: EdgeSwarm,
    { file, url }: { file: ManifestFile; url: string },
  ): Promise<void> {
    if (this.#options.differs(file)) return await this.#passOn(request, response, url)
    const heldUntil = (span: { start: number; end: number }) => swarm.cache.heldUntil(file, span.start, span.end)
    const wanted = wantedSpan(request, response, {
      etag: etagOf(swarm.swarm, file),
      type: file.type,
      size: file.size,
      cacheStatus: (span) => `tributary; ${heldUntil(span) === span.end ? 'hit' : 'fwd=miss'}`,
    })
    if (wanted === undefined) return
    const { span, begin } = wanted
    const memory = memoryFor(file, span, heldUntil(span) === span.end)
    const giveBack = await this.#take(memory, response)
    if (giveBack === undefined) return
    const reader = swarm.read(file, span)
    response.once('close', reader.close)
    try {
      const first = await reader.next().catch((error: unknown) => {
        if (!response.destroyed) this.#options.failed(file, error)
      })
      if (response.destroyed) return
      // The origin says itself why there is nothing, or sends what the manifest does not know yet.
      if (!first) return await this.#passOn(request, response, url)
      begin()
      await this.#sendAll(response, { reader, first, memory })
    } catch (error) {
      if (!response.destroyed) this.#options.failed(file, error)
      response.destroy() // what ends early must not look complete
    } finally {
      giveBack()
      reader.close()
    }
  }

  /** Fetches the next piece while the client takes the last one. */
  async #sendAll(
    response: ServerResponse,
    { reader, first, memory }: { reader: Reader; first: Uint8Array; memory: number },
  ): Promise<void> {
    for (let bytes: Uint8Array | undefined = first; bytes; ) {
      const next = reader.next()
      next.catch(() => undefined) // seen below, unless the client leaves
      this.#untaken.set(response, { sinceMs: this.#options.clock.now(), memory })
      const isThere = await this.#send(response, bytes)
      this.#untaken.delete(response)
      if (!isThere) return
      bytes = await next
    }
    response.end()
  }

  /** @returns undefined when there is none in time: the client is told so */
  async #take(memory: number, response: ServerResponse): Promise<GiveBack | undefined> {
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const taking = this.#memory.take(memory, { ms: PATIENCE_MS, signal: gone.signal })
    this.#cutSlow(this.#memory.lacking)
    const giveBack = await taking
    if (giveBack === undefined && !response.destroyed) {
      response.setHeader('Retry-After', RETRY_AFTER_S)
      answerText(response, 503, 'too many answers are under way')
    }
    return giveBack
  }

  /** Ends answers whose clients have let them wait for so long, the longest first: they may ask for the rest again. */
  #cutSlow(lacking: number): void {
    let bytes = 0
    for (const [response, { sinceMs, memory }] of this.#untaken) {
      if (bytes >= lacking || this.#options.clock.now() - sinceMs < SLOW_MS) return
      bytes += memory
      response.destroy()
    }
  }

  async #send(response: ServerResponse, bytes: Uint8Array): Promise<boolean> {
    const isThere = await write(response, bytes)
    if (isThere) this.#bytes += bytes.length
    return isThere
  }

  async #answerManifest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = this.#options.manifestText()
    if (this.#manifestHead?.text !== text) {
      const body = Buffer.from(text)
      const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
      this.#manifestHead = { text, body, head: { etag, type: 'application/json', size: body.length } }
    }
    await this.#answerBytes(request, response, this.#manifestHead.head, this.#manifestHead.body)
  }

  async #answerHashes(
    request: IncomingMessage,
    response: ServerResponse,
    swarm: EdgeSwarm,
    url: string,
  ): Promise<void> {
    const hashes = await swarm.hashes().catch(() => undefined)
    if (hashes === undefined) return await this.#passOn(request, response, url)
    const etag = `"${swarm.swarm.hashesDigest.slice('sha-256=:'.length, -1)}"`
    await this.#answerBytes(request, response, { etag, type: 'application/octet-stream', size: hashes.length }, hashes)
  }

  async #answerBytes(request: IncomingMessage, response: ServerResponse, head: Head, body: Uint8Array): Promise<void> {
    const wanted = wantedSpan(request, response, head)
    if (wanted === undefined) return
    wanted.begin()
    if (await this.#send(response, body.subarray(wanted.span.start, wanted.span.end))) response.end()
  }

  async #passOn(request: IncomingMessage, response: ServerResponse, url: string): Promise<void> {
    const sent = await passOn(request, response, url)
    this.#bytes += sent
    this.#passedOn += sent
  }
}

/** What an answer keeps in memory: what is being sent and read, and whole chunks as long as they are on their way. */
function memoryFor(file: ManifestFile, { start, end }: ByteSpan, isHeld: boolean): number {
  if (isHeld) return end - start <= PIECE_BYTES ? PIECE_BYTES : 2 * PIECE_BYTES
  const chunks = bytesOfChunk(file, chunkAt(file, end - 1)).end - bytesOfChunk(file, chunkAt(file, start)).start
  return Math.min(chunks, 2 * Math.max(PIECE_BYTES, file.chunkSize) + AHEAD_BYTES)
}

/** The same for every edge and after every restart: what it names follows from the content. */
function etagOf({ infoHash }: SwarmManifest, { firstChunk }: ManifestFile): string {
  return `"${infoHash}-${firstChunk.toString(36)}"`
}
