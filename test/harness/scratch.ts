import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Whoever cleans up at the end: a node:test context is one. Later registrations do not run first, so each stands alone. */
export interface Owner {
  after(cleanUp: () => Promise<void> | void): void
}

/** A directory of its own below the system's temporary one. */
export async function makeScratch(owner: Owner, name: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), `tributary-${name}-`))
  // Browsers write on for a moment after they are gone.
  owner.after(() => rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }))
  return directory
}
