import type { State, Stats } from '../../page-bridge/tributary.ts'
import type { Answer, RequestOptions } from './page/request.ts'
import { eventually } from './poll.ts'
import type { Site } from './site.ts'
import type { Tab } from './tab.ts'

/** Opens a page of the site and waits until the worker controls it and the mesh is up or known to be off. */
export async function visit(tab: Tab, site: Site, page = ''): Promise<State> {
  await tab.goto(site.at(page))
  await tab.waitFor(() => 'tributary' in window)
  return await tab.evaluate(() => {
    if (!window.tributary) throw new Error('the page has no window.tributary')
    return window.tributary.ready
  })
}

/** The chunk maps are left out: typed arrays do not cross from every browser. */
type VisitorStats = Omit<Stats, 'chunks'>

/** What the page's script counted since the visit began. */
export function statsOf(tab: Tab): Promise<VisitorStats> {
  return tab.evaluate(async () => {
    if (!window.tributary) throw new Error('the page has no window.tributary')
    const { bytes, peers } = await window.tributary.stats()
    return { bytes, peers }
  })
}

/** Waits until the browser has stored at least this part of a file. @param part from 0 to 1 */
export async function untilStored(tab: Tab, path: string, part = 1): Promise<void> {
  await eventually(
    () => tab.evaluate((path) => window.kit.storedChunks(path), path),
    ({ stored, all }) => stored >= Math.floor(part * all),
  )
}

/** Waits until the page is connected to so many peers. */
export async function untilPeers(tab: Tab, peers = 1): Promise<void> {
  await eventually(
    async () => (await statsOf(tab)).peers,
    (count) => count >= peers,
    15_000,
  )
}

/** Lets the page fetch a path of the site to its end. */
export function ask(tab: Tab, path: string, options: RequestOptions = {}): Promise<Answer> {
  return tab.evaluate(({ url, options }) => window.kit.request(url, options), { url: `/${path}`, options })
}
