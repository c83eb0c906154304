import type { ValueStore } from '../store/chunk-store.ts'
import type { Lifetime } from './lifetime.ts'
import { isContinued, isMedia } from './route.ts'

const KEY = 'natives'

/** Beyond it the oldest go: their pages are closed, most likely. */
const MAX_KEPT = 256

/** Engines that let one media element have both kinds of answers. */
const MIXES = /Firefox\//

/**
 * Which media the browser goes on with by itself. Chromium takes what a worker made up, which has no address of its own, for
 * another site's than what was fetched, and lets no URL of a page have both: the first answer decides, in later lives too.
 */
export class Natives {
  readonly #values: ValueStore
  readonly #lifetime: Lifetime
  readonly #isMixing: boolean
  /** By page and URL: whether it is native. By page that was there before us: whether it has yet to say what it loads. */
  #kept = new Map<string, boolean>()

  constructor(values: ValueStore, lifetime: Lifetime, userAgent: string) {
    this.#values = values
    this.#lifetime = lifetime
    this.#isMixing = MIXES.test(userAgent)
  }

  async load(): Promise<void> {
    const saved = await this.#values.get(KEY)
    if (saved instanceof Map) this.#kept = new Map([...saved, ...this.#kept])
  }

  save(): Promise<void> {
    return this.#values.set(KEY, this.#kept)
  }

  /** These pages are about to be controlled, and nothing is known of them. */
  claim(clientIds: readonly string[]): void {
    for (const id of clientIds) this.#keep(id, true)
  }

  /** A page that was there before us says what it has begun to load. */
  name(clientId: string, urls: readonly string[]): void {
    this.#keep(clientId, false)
    for (const url of urls) this.#keep(clientId + url, true)
  }

  /** Whether the request is left to the browser. */
  has(clientId: string, request: Request): boolean {
    return this.#isTied(request) && (this.#find(clientId, request) ?? false)
  }

  /**
   * Whether the answer must have no address, as those before it had none.
   * @param made whether this one has none, if it is the first
   */
  isMade(clientId: string, request: Request, made: boolean): boolean {
    if (!this.#isTied(request)) return false
    const isNative = this.#find(clientId, request) ?? !made
    const key = clientId + request.url
    if (!this.#kept.has(key)) this.#keep(key, isNative)
    return !isNative
  }

  #isTied(request: Request): boolean {
    return isMedia(request) && !this.#isMixing
  }

  #find(clientId: string, request: Request): boolean | undefined {
    const isSilent = this.#kept.get(clientId)
    // What begins in the middle began before us, whatever the page's script sees of it.
    const isNative = isSilent || (isSilent === false && isContinued(request))
    return this.#kept.get(clientId + request.url) ?? (isNative || undefined)
  }

  #keep(key: string, value: boolean): void {
    this.#kept.set(key, value)
    const [oldest] = this.#kept.keys()
    if (oldest !== undefined && this.#kept.size > MAX_KEPT) this.#kept.delete(oldest)
    this.#lifetime.trackLater(() => this.save())
  }
}
