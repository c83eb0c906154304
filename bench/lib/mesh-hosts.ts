import type { Browser } from './browser.ts'
import type { MeshCommands } from './mesh-clients.ts'
import { Role } from './role.ts'

/** Where clients of the mesh run. */
export interface MeshHost extends MeshCommands {
  readonly kind: 'node' | 'page'
  end(): Promise<void>
}

/** A process of Node with clients of the mesh. */
export function nodeHost(): MeshHost {
  const role = new Role(new URL('mesh-roles.ts', import.meta.url))
  const ask = async (name: keyof MeshCommands, argument?: unknown) =>
    JSON.parse(await role.text(name, JSON.stringify(argument)))
  return {
    kind: 'node',
    enter: async (options) => void (await role.call('enter', JSON.stringify(options))),
    linkCounts: () => ask('linkCounts'),
    giveFiles: () => ask('giveFiles'),
    lookUp: (seeking) => ask('lookUp', seeking),
    take: (seeking) => ask('take', seeking),
    end: () => role.end(),
  }
}

/** A browser with a page with clients of the mesh. */
export function pageHost(browser: Browser): MeshHost {
  const { page } = browser
  return {
    kind: 'page',
    enter: (options) => page.call('enter', options),
    linkCounts: () => page.call('linkCounts'),
    giveFiles: () => page.call('giveFiles'),
    lookUp: (seeking) => page.call('lookUp', seeking),
    take: (seeking) => page.call('take', seeking),
    end: () => browser.close(),
  }
}
