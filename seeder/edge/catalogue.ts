import type { Manifest, ManifestFile, SwarmManifest } from '../../protocol/manifest.ts'
import { pathOfUrl } from '../../protocol/site-path.ts'
import type { InfoHash } from '../../protocol/units.ts'

/** What a URL of the site means to an edge. */
export type Entry =
  | { readonly kind: 'file'; readonly file: ManifestFile; readonly swarm: SwarmManifest }
  | { readonly kind: 'manifest' }
  | { readonly kind: 'hashes'; readonly swarm: SwarmManifest }
  | { readonly kind: 'torrent' }

/** What is on a site, by the manifest in force. */
export class Catalogue {
  readonly manifest: Manifest
  readonly #siteRoot: string
  readonly #manifestUrl: URL
  readonly #entries = new Map<string, Entry>()
  readonly #swarms = new Map<InfoHash, SwarmManifest>()

  /** @param siteRoot URL of the directory that holds the manifest, ending in `/` */
  constructor(manifest: Manifest, siteRoot: string, manifestUrl: string) {
    this.manifest = manifest
    this.#siteRoot = siteRoot
    this.#manifestUrl = new URL(manifestUrl)
    for (const swarm of manifest.swarms) {
      this.#swarms.set(swarm.infoHash, swarm)
      this.#entries.set(swarm.hashes, { kind: 'hashes', swarm })
      if (swarm.torrent !== undefined) this.#entries.set(swarm.torrent, { kind: 'torrent' })
    }
    // Last, for a listed file is what everybody else takes it for.
    for (const swarm of manifest.swarms)
      for (const file of swarm.files) this.#entries.set(file.path, { kind: 'file', file, swarm })
  }

  swarm(infoHash: InfoHash): SwarmManifest | undefined {
    return this.#swarms.get(infoHash)
  }

  /** @param target of an HTTP request: a mirror has the same paths as its site */
  find(target: string): Entry | undefined {
    const url = this.urlOf(target)
    if (url === undefined) return undefined
    if (url === this.#manifestUrl.href) return { kind: 'manifest' }
    const path = pathOfUrl(url, this.#siteRoot, this.manifest.ignorableParameters)
    return path === undefined ? undefined : this.#entries.get(path)
  }

  /** The same path on the site; undefined when the target is no path. */
  urlOf(target: string): string | undefined {
    if (!/^\/(?!\/)/.test(target) || !URL.canParse(target, this.#siteRoot)) return undefined
    return new URL(target, this.#siteRoot).href
  }
}
