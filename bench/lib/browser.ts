import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Agent, Control } from './control.ts'
import { chromiumPath } from './machine.ts'
import { isRenderer, processorSeconds, processTree, residentBytes } from './processes.ts'

const ARGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--no-default-browser-check',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-extensions',
  // Many browsers on one screen: each is in front of its own visitor.
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  // Two browsers on one machine without an mDNS responder would not find each other.
  '--disable-features=WebRtcHideLocalIpsWithMdns',
]

export interface BrowserOptions {
  readonly control: Control
  /** What its page is called at the control. */
  readonly name: string
  /** Page to open; it is told where the control is. */
  readonly page: string
  /** Further parameters of the page's address. */
  readonly parameters?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
}

/** One visitor: a Chromium of its own, with a new profile, on one page. No debugger is attached. */
export class Browser {
  readonly page: Agent
  readonly #child: ChildProcess
  readonly #profile: string

  private constructor(page: Agent, child: ChildProcess, profile: string) {
    this.page = page
    this.#child = child
    this.#profile = profile
  }

  static async open({ control, name, page, parameters, args }: BrowserOptions): Promise<Browser> {
    const profile = await mkdtemp(join(tmpdir(), 'tributary-bench-chromium-'))
    const url = new URL(page)
    url.search = new URLSearchParams({ control: control.url, name, ...parameters }).toString()
    const agent = control.agent(name)
    const all = [...ARGS, ...(args ?? []), `--user-data-dir=${profile}`, url.href]
    const child = spawn(chromiumPath(), all, { stdio: 'ignore' })
    await once(child, 'spawn')
    return new Browser(agent, child, profile)
  }

  /** Processor seconds of all its processes so far. */
  get seconds(): number {
    return processorSeconds(this.#pid)
  }

  /** Resident bytes of the processes that host pages and workers, and of all others. */
  resident(): { readonly renderers: number; readonly others: number } {
    let renderers = 0
    let others = 0
    for (const { pid } of processTree(this.#pid)) {
      if (isRenderer(pid)) renderers += residentBytes(pid)
      else others += residentBytes(pid)
    }
    return { renderers, others }
  }

  async close(): Promise<void> {
    const pids = processTree(this.#pid).map(({ pid }) => pid)
    if (this.#child.exitCode === null) {
      this.#child.kill()
      await Promise.race([once(this.#child, 'exit'), sleep(5_000)])
    }
    // What the browser started may outlive it for a moment, and writes into the profile.
    for (const pid of pids) kill(pid)
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
  }

  get #pid(): number {
    return this.#child.pid ?? -1
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {} // gone already
}
