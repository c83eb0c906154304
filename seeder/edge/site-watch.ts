import { SeederError } from '../errors.ts'
import type { Log } from '../log.ts'
import { Catalogue } from './catalogue.ts'
import type { RemoteManifest, SiteManifest } from './remote-manifest.ts'

/** The manifest in force: the last one that was good, however the site fares since. */
export class SiteWatch {
  catalogue: Catalogue
  /** The manifest as the site serves it. */
  text: string
  readonly #manifest: RemoteManifest
  readonly #log: Log
  #trouble = ''

  private constructor(manifest: RemoteManifest, site: SiteManifest, log: Log) {
    this.#manifest = manifest
    this.#log = log
    this.text = site.text
    this.catalogue = this.#catalogueOf(site)
  }

  /** Begins with the site's manifest, or the one that it had when it was last there. @throws SeederError for neither */
  static async open(manifest: RemoteManifest, log: Log): Promise<SiteWatch> {
    const read = await manifest.read().catch(seederError)
    if (read !== undefined && !(read instanceof SeederError)) return new SiteWatch(manifest, read, log)
    const remembered = await manifest.remembered()
    if (remembered === undefined) throw read ?? new SeederError(`${manifest.url} is empty`, 'check the address')
    log('warn', `${read?.message ?? 'no manifest'}: serving by the one that was last seen`)
    return new SiteWatch(manifest, remembered, log)
  }

  get url(): string {
    return this.#manifest.url
  }

  /** URL of the directory that holds the manifest, ending in `/`. */
  get siteRoot(): string {
    return this.#manifest.siteRoot
  }

  /** Asks the site. A failure is logged once, and changes nothing. @returns whether another manifest is in force now */
  async refresh(): Promise<boolean> {
    const read = await this.#manifest.read().catch(seederError)
    if (read instanceof SeederError) {
      if (this.#trouble !== read.message)
        this.#log('warn', `${read.message}: the last manifest that was good stays in force - ${read.mend}`)
      this.#trouble = read.message
      return false
    }
    if (this.#trouble !== '') this.#log('info', 'the manifest is there again')
    this.#trouble = ''
    if (read === undefined) return false
    this.text = read.text
    this.catalogue = this.#catalogueOf(read)
    return true
  }

  #catalogueOf({ manifest, refused }: SiteManifest): Catalogue {
    for (const reason of refused) this.#log('warn', `left out of the manifest: ${reason}`)
    if (manifest.disabled) this.#log('warn', 'the manifest is disabled: files are passed on as the origin has them')
    return new Catalogue(manifest, this.siteRoot, this.url)
  }
}

/** What an operator can mend is an answer here; all else is thrown on. */
function seederError(error: unknown): SeederError {
  if (error instanceof SeederError) return error
  throw error
}
