import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import puppeteer, { type Browser, type Page } from 'puppeteer-core'
import { makeScratch, type Owner } from './scratch.ts'
import { browserPath, type Tab } from './tab.ts'

type Preferences = Record<string, string | number | boolean>

const PREFERENCES: Preferences = {
  'media.autoplay.default': 0, // allowed
  'media.autoplay.blocking_policy': 0,
  'media.volume_scale': '0.0',
  // Two browsers on one machine without an mDNS responder, perhaps without any network but loopback.
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'media.peerconnection.ice.loopback': true,
  'browser.download.folderList': 2, // the directory below
  'browser.download.useDownloadDir': true,
  'browser.download.always_ask_before_handling_new_types': false,
  'browser.helperApps.neverAsk.saveToDisk': 'application/octet-stream,application/zip,video/mp4',
  'browser.download.alwaysOpenPanel': false,
}

export interface FirefoxOptions {
  readonly preferences?: Preferences
}

/** One visitor: a Firefox with a profile of its own. */
export class Firefox {
  readonly browser: Browser
  /** Where downloads land; a file in the making ends in `.part`. */
  readonly downloads: string

  constructor(browser: Browser, downloads: string) {
    this.browser = browser
    this.downloads = downloads
  }

  async tab(): Promise<FirefoxTab> {
    return new FirefoxTab(await this.browser.newPage())
  }

  close(): Promise<void> {
    return this.browser.close()
  }
}

export class FirefoxTab implements Tab {
  readonly browser = 'firefox'
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  async goto(url: string): Promise<void> {
    await this.page.goto(url)
  }

  evaluate<Argument, Result>(
    work: (argument: Argument) => Result | Promise<Result>,
    argument: Argument,
  ): Promise<Result>
  evaluate<Result>(work: () => Result | Promise<Result>): Promise<Result>
  evaluate<Result>(work: (argument: unknown) => Result | Promise<Result>, argument?: unknown): Promise<Result> {
    return this.page.evaluate(work, argument) as Promise<Result>
  }

  async waitFor(condition: () => unknown, deadlineMs = 10_000): Promise<void> {
    await this.page.waitForFunction(condition as () => unknown, { timeout: deadlineMs, polling: 100 })
  }

  close(): Promise<void> {
    return this.page.close()
  }
}

/** Starts a stock Firefox, driven over WebDriver BiDi. */
export async function openFirefox(owner: Owner, { preferences = {} }: FirefoxOptions = {}): Promise<Firefox> {
  const scratch = await makeScratch(owner, 'firefox')
  const downloads = join(scratch, 'downloads')
  const userDataDir = join(scratch, 'profile')
  await Promise.all([mkdir(downloads), mkdir(userDataDir)])
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: browserPath('TRIBUTARY_FIREFOX'),
    headless: true,
    userDataDir,
    protocolTimeout: 180_000,
    extraPrefsFirefox: { ...PREFERENCES, 'browser.download.dir': downloads, ...preferences },
  })
  owner.after(() => browser.close())
  return new Firefox(browser, downloads)
}
