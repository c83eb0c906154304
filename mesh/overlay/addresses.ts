import { bytesOfText } from '../dht/id.ts'
import type { Extension, ExtensionLine } from '../extension.ts'
import type { AddressBook } from '../platform.ts'

/** Addresses remembered: the newest. */
const MOST = 16
const MAX_URL = 200
const URL_FORM = /^wss?:\/\/[!-~]+$/

/**
 * Addresses at which peers take offers themselves, over a WebSocket and by the protocol of trackers: they tell each other, so
 * that whoever comes back needs no tracker.
 */
export class Addresses implements Extension {
  readonly name = 'tr_door'
  readonly #book: AddressBook
  readonly #onLoaded: () => void
  readonly #lines = new Set<ExtensionLine>()
  #known: readonly string[] = []
  #own: string | undefined
  #lastSaved: string | undefined

  /** @param onLoaded what was remembered is there */
  constructor(book: AddressBook, onLoaded: () => void) {
    this.#book = book
    this.#onLoaded = onLoaded
    void this.#load()
  }

  /** The newest first. */
  get known(): readonly string[] {
    return this.#known
  }

  /** Where we take offers. */
  set own(url: string) {
    if (!isAddress(url)) throw new RangeError(`${url} is no address of a WebSocket`)
    this.#own = url
    for (const line of this.#lines) this.#tell(line)
  }

  open(line: ExtensionLine) {
    this.#lines.add(line)
    this.#tell(line)
    let isTold = false
    return {
      // One of each link: whoever tells of many would have all others forgotten, and have us write without end.
      onMessage: (bytes: Uint8Array) => {
        if (!isTold) this.#heard(bytes)
        isTold = true
      },
      onClose: () => void this.#lines.delete(line),
    }
  }

  /** @param urls those that somebody told us of by other means */
  add(urls: readonly string[]): void {
    const others = this.#known.filter((url) => !urls.includes(url) && url !== this.#own)
    this.#known = [...urls.filter(isAddress), ...others].slice(0, MOST)
  }

  async #load(): Promise<void> {
    const saved = await this.#book.load().catch(() => [])
    this.#known = [...this.#known, ...saved.filter((url) => isAddress(url) && !this.#known.includes(url))].slice(
      0,
      MOST,
    )
    if (this.#known.length > 0) this.#onLoaded()
  }

  #tell(line: ExtensionLine): void {
    if (this.#own !== undefined) line.send(bytesOfText(this.#own))
  }

  #heard(bytes: Uint8Array): void {
    const url = String.fromCharCode(...bytes.subarray(0, MAX_URL + 1))
    if (!isAddress(url) || this.#lastSaved === url) return
    this.#lastSaved = url
    this.add([url])
    this.#book.save(this.#known)
  }
}

export function isAddress(url: string): boolean {
  return url.length <= MAX_URL && URL_FORM.test(url)
}
