import type { Place } from './place.ts'

/** How a page's element or download gets its bytes. */
export interface Source {
  /** The whole file; from `start` on for a media element, which may be answered with less. */
  open(start?: number): Promise<Response>
  /** The media element can go on playing for so long, and takes so long for the whole file. */
  report(slackMs: number, lengthMs: number): void
  /** It has run dry. */
  ranDry(): void
}

/** Plain HTTP, as if there were no Tributary. */
export function plainSource({ url }: Place): Source {
  return {
    open: (start) => fetch(url, start === undefined ? {} : { headers: { range: `bytes=${start}-` } }),
    report: () => undefined,
    ranDry: () => undefined,
  }
}
