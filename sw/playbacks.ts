import type { Playback } from '../supply/demand.ts'

/** More elements than a browser plays; beyond it the oldest reports go. */
const MAX_ELEMENTS = 256

/** Stands for the URL of an element that a script feeds: what the script fetches has others. */
export const FED = 'blob:'

/** How the pages' media elements stand. In memory alone: the next report comes within a moment. */
export class Playbacks {
  readonly #reports = new Map<string, Playback & { readonly at: number }>()

  report(clientId: string, url: string, { slackMs, lengthMs }: Playback): void {
    if (this.#reports.size >= MAX_ELEMENTS) this.#reports.clear()
    this.#reports.set(keyOf(clientId, url.startsWith(FED) ? FED : url), { slackMs, lengthMs, at: Date.now() })
  }

  /** How the element of that page stands by now, if it has told. */
  now(clientId: string, url: string): Partial<Playback> {
    const report = this.#reports.get(keyOf(clientId, url))
    return report ? { ...report, slackMs: Math.max(0, report.slackMs - (Date.now() - report.at)) } : {}
  }
}

function keyOf(clientId: string, url: string): string {
  return `${clientId} ${url}`
}
