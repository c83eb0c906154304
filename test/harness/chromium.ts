import { type BrowserContext, type CDPSession, chromium, type Download, type Page } from 'playwright'
import { makeScratch, type Owner } from './scratch.ts'
import { browserPath, type Tab } from './tab.ts'

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
  // Two browsers on one machine without an mDNS responder would not find each other.
  '--disable-features=WebRtcHideLocalIpsWithMdns',
]

export interface ChromiumOptions {
  /** A directory from makeScratch that keeps the profile between two browsers; a new one by default. */
  readonly profile?: string
  /** `block`: the browser as it is without us. */
  readonly serviceWorkers?: 'allow' | 'block'
}

/** One visitor: a Chromium with a profile of its own. */
export class Chromium {
  readonly context: BrowserContext

  constructor(context: BrowserContext) {
    this.context = context
  }

  async tab(): Promise<ChromiumTab> {
    return new ChromiumTab(await this.context.newPage())
  }

  close(): Promise<void> {
    return this.context.close()
  }
}

export class ChromiumTab implements Tab {
  readonly browser = 'chromium'
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
    return this.page.evaluate(work, argument)
  }

  async waitFor(condition: () => unknown, deadlineMs = 10_000): Promise<void> {
    await this.page.waitForFunction(condition, undefined, { timeout: deadlineMs })
  }

  close(): Promise<void> {
    return this.page.close()
  }

  /** Does something in the page that starts a download, and returns it once it began. */
  async download(start: () => Promise<unknown>, deadlineMs = 10_000): Promise<Download> {
    const [download] = await Promise.all([this.page.waitForEvent('download', { timeout: deadlineMs }), start()])
    return download
  }

  /** Kills all service workers at once, as the browser does with idle ones. */
  async killWorkers(): Promise<void> {
    await this.#devtools(async (devtools) => {
      await devtools.send('ServiceWorker.enable')
      await devtools.send('ServiceWorker.stopAllWorkers')
    })
  }

  /** Freezes the page, as the browser does with one that is long in the background. */
  async freeze(): Promise<void> {
    // It thaws when the session ends.
    const devtools = await this.page.context().newCDPSession(this.page)
    await devtools.send('Page.setWebLifecycleState', { state: 'frozen' })
  }

  /** Lets the page's origin store no more than `bytes`, until the tab is closed. */
  async limitStorage(bytes: number): Promise<void> {
    // The limit lasts as long as the session that set it.
    const devtools = await this.page.context().newCDPSession(this.page)
    const { origin } = new URL(this.page.url())
    await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: bytes })
  }

  async collectGarbage(): Promise<void> {
    await this.#devtools((devtools) => devtools.send('HeapProfiler.collectGarbage'))
  }

  async #devtools(work: (devtools: CDPSession) => Promise<unknown>): Promise<void> {
    const devtools = await this.page.context().newCDPSession(this.page)
    try {
      await work(devtools)
    } finally {
      await devtools.detach().catch(() => undefined) // the page may be gone
    }
  }
}

/** Starts a Chromium with a profile directory, as a returning visitor has one. */
export async function openChromium(owner: Owner, options: ChromiumOptions = {}): Promise<Chromium> {
  const { profile = await makeScratch(owner, 'chromium'), serviceWorkers = 'allow' } = options
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: browserPath('TRIBUTARY_CHROMIUM'),
    args: ARGS,
    serviceWorkers,
    viewport: { width: 1000, height: 700 },
  })
  owner.after(() => context.close())
  return new Chromium(context)
}

/** Starts a Chromium and opens an incognito window in it. */
export async function openIncognito(owner: Owner): Promise<Chromium> {
  const browser = await chromium.launch({ executablePath: browserPath('TRIBUTARY_CHROMIUM'), args: ARGS })
  owner.after(() => browser.close())
  return new Chromium(await browser.newContext({ viewport: { width: 1000, height: 700 } }))
}
