import { PLAYBACK_MS } from '../protocol/bridge.ts'

/** At these events it changes how long an element can play on what it has. None of them bubbles: they are captured. */
const TURNS = [
  'loadedmetadata',
  'loadeddata',
  'canplay',
  'playing',
  'progress',
  'timeupdate',
  'play',
  'pause',
  'ratechange',
  'seeking',
  'waiting',
] as const

/** Tells the worker how the page's media elements stand, so that it knows which chunks can wait for peers. */
export function reportPlayback(report: (url: string, slackMs: number, lengthMs: number) => void): void {
  const reportedAt = new WeakMap<HTMLMediaElement, number>()
  const onTurn = (event: Event) => {
    const media = event.target
    if (!(media instanceof HTMLMediaElement) || !/^(https?|blob):/.test(media.currentSrc)) return
    const isNews = event.type !== 'progress' && event.type !== 'timeupdate'
    const since = performance.now() - (reportedAt.get(media) ?? Number.NEGATIVE_INFINITY)
    if (!isNews && since < PLAYBACK_MS) return
    reportedAt.set(media, performance.now())
    report(media.currentSrc, slackOf(media), (media.duration / speedOf(media)) * 1_000)
  }
  for (const turn of TURNS) addEventListener(turn, onTurn, { capture: true, passive: true })
}

type Media = Pick<
  HTMLMediaElement,
  'HAVE_FUTURE_DATA' | 'readyState' | 'paused' | 'seeking' | 'currentTime' | 'duration' | 'playbackRate' | 'buffered'
>

/** An element that stands still with less than this to play lacks bytes, whatever it says that it has. */
const ENOUGH_MS = 1_000

/**
 * Milliseconds that the element can play at its rate before it runs dry. What is buffered is told by the bytes, as if each
 * second of a film took the same: Chromium stands still where it says that half a second or more is left.
 */
export function slackOf(media: Media): number {
  if (media.paused && !media.seeking) return Number.POSITIVE_INFINITY
  const ms = bufferedMs(media)
  return media.readyState < media.HAVE_FUTURE_DATA && ms < ENOUGH_MS ? 0 : ms
}

function bufferedMs(media: Media): number {
  const { buffered, currentTime } = media
  for (let i = 0; i < buffered.length; i++) {
    const end = buffered.end(i)
    if (buffered.start(i) > currentTime || end < currentTime) continue
    // What reaches to the end never runs dry.
    if (end >= media.duration) return Number.POSITIVE_INFINITY
    return ((end - currentTime) / speedOf(media)) * 1_000
  }
  return 0
}

function speedOf({ playbackRate }: Pick<Media, 'playbackRate'>): number {
  return Math.max(Math.abs(playbackRate), 0.1)
}
