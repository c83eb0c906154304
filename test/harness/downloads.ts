import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Download } from 'playwright'
import { sha256OfFile } from './hash.ts'
import type { Tab } from './tab.ts'

/** What became of a download. */
export interface Saved {
  readonly name: string
  readonly sha256: string | undefined
  /** The browser's reason when it was not saved whole. */
  readonly failure: string | undefined
}

/** Clicks a link to `path` in the page. @param attributes of the `<a>` */
export function clickLink(tab: Tab, path: string, attributes: Readonly<Record<string, string>> = {}): Promise<void> {
  return tab.evaluate(({ href, attributes }) => window.kit.click(href, attributes), { href: `/${path}`, attributes })
}

/** Waits for a Chromium download to end. */
export async function saved(download: Download): Promise<Saved> {
  const failure = (await download.failure()) ?? undefined
  const sha256 = failure === undefined ? await sha256OfFile(await download.path()) : undefined
  return { name: download.suggestedFilename(), sha256, failure }
}

/** Waits until a Firefox download of that name is whole: no part file is left beside it. */
export async function savedFile(directory: string, name: string, deadlineMs: number): Promise<Saved> {
  const until = Date.now() + deadlineMs
  for (;;) {
    const entries = await readdir(directory)
    // Firefox reserves the final name with an empty file while the bytes go to the part file.
    const inTheMaking = entries.some((entry) => entry.endsWith('.part'))
    const path = join(directory, name)
    if (entries.includes(name) && !inTheMaking && (await stat(path)).size > 0)
      return { name, sha256: await sha256OfFile(path), failure: undefined }
    if (Date.now() > until)
      return { name, sha256: undefined, failure: `not there after ${deadlineMs} ms, but ${entries.join(', ')}` }
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}
