import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { type BuildProgress, buildManifest, type ManifestOptions } from '../build-manifest.ts'
import { HashCache } from '../hash-cache.ts'
import { HashPool } from '../hash-pool.ts'
import { publishManifest } from '../publish-manifest.ts'
import { scanSite } from '../scan.ts'

/** How long a look at the site's files holds. */
const LOOK_INTERVAL_MS = 2_000

export interface LiveManifestOptions {
  readonly root: string
  /** Where the manifest and its hash files are written; not the site itself. */
  readonly folder: string
  readonly manifest: ManifestOptions
  readonly progress?: BuildProgress
  /** Told after each new manifest. */
  readonly onMade?: (files: number, warnings: readonly string[]) => void
}

/** The manifest of a site that has none, made anew when its files change. It looks for changes only when it is asked. */
export class LiveManifest {
  readonly folder: string
  readonly #options: LiveManifestOptions
  readonly #stop = new AbortController()
  #cache: HashCache | undefined
  #signature: string | undefined
  #lookedMs = Number.NEGATIVE_INFINITY
  #work: Promise<void> | undefined

  constructor(options: LiveManifestOptions) {
    this.folder = options.folder
    this.#options = options
  }

  /** Whether there is a manifest, perhaps of a moment ago. */
  get exists(): boolean {
    return this.#signature !== undefined
  }

  /**
   * Resolves when the manifest in the folder is that of the site's files as they are now.
   * @throws Failure when the site cannot be read
   */
  refresh(): Promise<void> {
    if (performance.now() - this.#lookedMs < LOOK_INTERVAL_MS && !this.#work) return Promise.resolve()
    this.#work ??= this.#look().finally(() => {
      this.#work = undefined
    })
    return this.#work
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#work?.catch(() => undefined)
  }

  async #look(): Promise<void> {
    const { root, manifest } = this.#options
    const signature = signatureOf(await scanSite(root, manifest))
    if (signature !== this.#signature) await this.#make()
    this.#signature = signature
    this.#lookedMs = performance.now()
  }

  async #make(): Promise<void> {
    const { root, folder, manifest, progress, onMade } = this.#options
    this.#cache ??= await HashCache.read(folder)
    const pool = new HashPool()
    const stop = () => void pool.close()
    this.#stop.signal.addEventListener('abort', stop, { once: true })
    try {
      const tools = { pool, cache: this.#cache, signal: this.#stop.signal, ...(progress && { progress }) }
      const built = await buildManifest(root, manifest, tools)
      await mkdir(folder, { recursive: true })
      await publishManifest(folder, built, this.#cache)
      onMade?.(built.manifest.swarms.flatMap((swarm) => swarm.files).length, built.warnings)
    } finally {
      this.#stop.signal.removeEventListener('abort', stop)
      await pool.close()
    }
  }
}

/** Changes whenever a file that the manifest lists does. */
function signatureOf({ files }: Awaited<ReturnType<typeof scanSite>>): string {
  const lines = files.map(
    ({ path, stamp }) => `${path}\0${stamp.size}\0${stamp.mtimeNs}\0${stamp.ctimeNs}\0${stamp.inode}`,
  )
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex')
}
