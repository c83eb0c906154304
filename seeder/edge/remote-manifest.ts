import { ManifestError } from '../../protocol/errors.ts'
import { MANIFEST_NAME } from '../../protocol/manifest.ts'
import { MiB } from '../../protocol/units.ts'
import type { ValueStore } from '../../store/chunk-store.ts'
import { reasonOf, SeederError } from '../errors.ts'
import { type LenientManifest, parseLeniently } from '../lenient-manifest.ts'

/** A manifest of a million files has some hundred megabytes. */
const MAX_MANIFEST = 512 * MiB
const DEADLINE_MS = 20_000

/** A manifest as the site has it. */
export interface SiteManifest extends LenientManifest {
  /** As it was served, to be served on. */
  readonly text: string
}

/** The manifest of a site somewhere else. The last good one is kept, for the time when the site is away. */
export class RemoteManifest {
  readonly url: string
  /** URL of the directory that holds the manifest, ending in `/`. */
  readonly siteRoot: string
  readonly #values: ValueStore
  #etag: string | undefined
  #text: string | undefined

  /** @param where URL of the manifest or of its site */
  constructor(where: string, values: ValueStore) {
    this.url = manifestUrl(where)
    this.siteRoot = new URL('.', this.url).href
    this.#values = values
  }

  /** The last good one; undefined when there was none. */
  async remembered(): Promise<SiteManifest | undefined> {
    const text = await this.#values.get(this.#key).catch(() => undefined)
    if (typeof text !== 'string') return undefined
    try {
      return this.#parse(text)
    } catch {
      return undefined // what an older version took for good
    }
  }

  /**
   * Asks the site.
   * @returns undefined when the manifest is the one that was read last
   * @throws SeederError when there is none, or it is broken as a whole
   */
  async read(): Promise<SiteManifest | undefined> {
    const response = await this.#fetch()
    if (response.status === 304) return undefined
    if (!response.ok) {
      await response.body?.cancel()
      throw new SeederError(`${this.url} answers ${response.status}`, 'check the address and whether the site has one')
    }
    const text = await this.#textOf(response)
    if (text === this.#text) return undefined
    const manifest = this.#parse(text)
    this.#text = text
    this.#etag = response.headers.get('etag') ?? undefined
    // Without it, an edge that starts while the site is away has nothing to go by; now it matters to nobody.
    await this.#values.set(this.#key, text).catch(() => undefined)
    return manifest
  }

  async #fetch(): Promise<Response> {
    const headers = this.#etag === undefined ? {} : { 'if-none-match': this.#etag }
    try {
      return await fetch(this.url, { headers, signal: AbortSignal.timeout(DEADLINE_MS) })
    } catch (error) {
      throw this.#unreachable(error)
    }
  }

  async #textOf(response: Response): Promise<string> {
    const parts: Uint8Array[] = []
    let length = 0
    try {
      for await (const part of response.body ?? []) {
        length += part.length
        if (length > MAX_MANIFEST) throw new SeederError(`${this.url} is too large`, 'split the site')
        parts.push(part)
      }
    } catch (error) {
      throw error instanceof SeederError ? error : this.#unreachable(error)
    }
    return Buffer.concat(parts).toString('utf8')
  }

  #parse(text: string): SiteManifest {
    const mend = 'make a new one with: tributary manifest'
    try {
      return { text, ...parseLeniently(JSON.parse(text)) }
    } catch (error) {
      if (error instanceof ManifestError) throw new SeederError(`${this.url}: ${error.message}`, mend, { cause: error })
      if (error instanceof SyntaxError) throw new SeederError(`${this.url} is not JSON`, mend, { cause: error })
      throw error
    }
  }

  #unreachable(error: unknown): SeederError {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
    return new SeederError(`${this.url} cannot be reached (${reasonOf(cause)})`, 'check the address and the network', {
      cause: error,
    })
  }

  get #key(): string {
    return `manifest:${this.url}`
  }
}

/** A site's URL stands for the manifest at its root. */
function manifestUrl(where: string): string {
  const url = new URL(where)
  url.hash = ''
  if (!url.pathname.endsWith('.json')) url.pathname = url.pathname.replace(/\/?$/, `/${MANIFEST_NAME}`)
  return url.href
}
