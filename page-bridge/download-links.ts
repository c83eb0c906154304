import { DOWNLOAD_PARAMETER } from '../protocol/bridge.ts'

/** How long a click may wait for the worker's word. */
const ASK_MS = 400
/** Answers kept. */
const MAX_ANSWERS = 500
/** A navigation that has not turned into a download by then never will. */
const FRAME_MS = 60_000

/**
 * Browsers never show the worker a click on `<a download>`; a navigation to the same URL they do. So such clicks become
 * a navigation of a hidden frame, when the worker says that it serves the URL.
 */
export class DownloadLinks {
  readonly #serves: (url: string) => Promise<boolean>
  readonly #answers = new Map<string, boolean>()
  /** The click that we make ourselves, to be left to the browser. */
  #own: HTMLAnchorElement | undefined

  /** @param serves asks the worker; rejects or answers late when there is none */
  constructor(serves: (url: string) => Promise<boolean>) {
    this.#serves = serves
    // Last on the way up, so that a site that handles or cancels the click itself has done so.
    addEventListener('click', (event) => this.#onClick(event))
    for (const type of ['pointerover', 'focusin'])
      addEventListener(type, (event) => this.#foresee(event), { passive: true })
  }

  #foresee(event: Event): void {
    const link = downloadLink(event)
    if (link && !this.#answers.has(link.href)) void this.#ask(link.href)
  }

  #onClick(event: MouseEvent): void {
    const link = downloadLink(event)
    if (!link || link === this.#own || event.defaultPrevented || !isPlain(event) || link.target === '_blank') return
    const answer = this.#answers.get(link.href)
    if (answer === false || !navigator.serviceWorker?.controller) return
    event.preventDefault()
    if (answer) carry(link)
    else void this.#decide(link)
  }

  async #decide(link: HTMLAnchorElement): Promise<void> {
    const late = new Promise<boolean>((resolve) => setTimeout(resolve, ASK_MS, false))
    if (await Promise.race([this.#ask(link.href), late])) carry(link)
    else this.#clickNatively(link)
  }

  #clickNatively(link: HTMLAnchorElement): void {
    // A copy outside the document: the site's own listeners have seen this click already.
    const copy = document.createElement('a')
    copy.href = link.href
    copy.download = link.download
    copy.referrerPolicy = link.referrerPolicy
    this.#own = copy
    copy.click()
    this.#own = undefined
  }

  async #ask(url: string): Promise<boolean> {
    const answer = await this.#serves(url).catch(() => undefined)
    if (answer === undefined) return false
    if (this.#answers.size >= MAX_ANSWERS) this.#answers.clear()
    this.#answers.set(url, answer)
    return answer
  }

  /** The worker changed: what it serves may have too. */
  forget(): void {
    this.#answers.clear()
  }
}

function downloadLink(event: Event): HTMLAnchorElement | undefined {
  for (const node of event.composedPath())
    if (node instanceof HTMLAnchorElement && node.hasAttribute('download') && node.origin === location.origin)
      return node
  return undefined
}

function isPlain(event: MouseEvent): boolean {
  return event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey
}

/** URL that the worker answers as an attachment. */
export function downloadUrl(href: string, fileName: string): string {
  const url = new URL(href)
  url.hash = ''
  const separator = url.search === '' ? '?' : '&'
  return `${url.href}${separator}${DOWNLOAD_PARAMETER}=${encodeURIComponent(fileName)}`
}

function carry(link: HTMLAnchorElement): void {
  const frame = document.createElement('iframe')
  frame.hidden = true
  frame.src = downloadUrl(link.href, link.download)
  document.body.append(frame)
  setTimeout(() => frame.remove(), FRAME_MS)
}
