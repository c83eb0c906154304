import { ManifestError } from '../protocol/errors.ts'
import { MANIFEST_NAME, type Manifest } from '../protocol/manifest.ts'
import { MiB } from '../protocol/units.ts'
import { reasonOf, SeederError } from './errors.ts'
import { parseLeniently } from './lenient-manifest.ts'
import { FileRefused, SiteFiles } from './site-files.ts'

/** A manifest of a million files has some hundred megabytes. */
const MAX_MANIFEST = 512 * MiB

/** A manifest as it lies on the disk. */
export interface ReadManifest {
  readonly manifest: Manifest
  /** The folder it lies in, with its hash files. */
  readonly folder: SiteFiles
  /** Swarms left out, with the reason. */
  readonly refused: readonly string[]
}

export interface ManifestSourceOptions {
  /** The first of these that has a manifest counts. */
  readonly folders: readonly string[]
  readonly maxOpen: number
}

/** The manifest of a site, and whether it has changed. */
export class ManifestSource {
  readonly #options: ManifestSourceOptions
  #stamp: string | undefined

  constructor(options: ManifestSourceOptions) {
    this.#options = options
  }

  /** Whether the manifest on the disk is another one than was last read, or tried. */
  async hasChanged(): Promise<boolean> {
    const found = await this.#find()
    found?.folder.close()
    return found !== undefined && found.stamp !== this.#stamp
  }

  /**
   * Reads the manifest. A swarm that is not well formed is left out; the others count.
   * @throws SeederError when there is no manifest or it is broken as a whole
   */
  async read(): Promise<ReadManifest> {
    const found = await this.#find()
    const [folder = '.'] = this.#options.folders
    if (found === undefined)
      throw new SeederError(`${folder} has no ${MANIFEST_NAME}`, `make one with: tributary manifest ${folder}`)
    this.#stamp = found.stamp
    try {
      const bytes = await found.folder.readWhole(MANIFEST_NAME, MAX_MANIFEST)
      const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
      return { folder: found.folder, ...parseLeniently(value) }
    } catch (error) {
      found.folder.close()
      throw manifestFailure(error, folder)
    }
  }

  async #find(): Promise<{ readonly folder: SiteFiles; readonly stamp: string } | undefined> {
    for (const [i, path] of this.#options.folders.entries()) {
      const folder = await SiteFiles.open(path, this.#options.maxOpen).catch(() => undefined)
      const look = await folder?.look(MANIFEST_NAME)
      if (folder && look?.kind === 'file') return { folder, stamp: `${i}:${look.stamp}` }
    }
    return undefined
  }
}

function manifestFailure(error: unknown, folder: string): unknown {
  const mend = `make a new one with: tributary manifest ${folder}`
  if (error instanceof ManifestError)
    return new SeederError(`${MANIFEST_NAME}: ${error.message}`, mend, { cause: error })
  if (error instanceof SyntaxError || error instanceof TypeError)
    return new SeederError(`${MANIFEST_NAME} is not JSON`, mend, { cause: error })
  if (error instanceof FileRefused)
    return new SeederError(error.message, 'let this user read it', { cause: reasonOf(error) })
  return error
}
