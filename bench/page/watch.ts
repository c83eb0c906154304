import type { Viewing, WatchOptions } from '../lib/commands.ts'

/** A frame this far from where the jump went to is one of the old place, still on its way to the screen. */
const PLACE_S = 3

/** Longer than any origin that a bench sets up takes for what one frame needs. */
const FRAME_MS = 60_000

/** Plays a film, jumps, and takes it away when the new place shows. */
export async function watch({ url, rate, playMs, seekTo }: WatchOptions): Promise<Viewing> {
  const video = document.createElement('video')
  Object.assign(video, { muted: true, defaultPlaybackRate: rate, preload: 'auto', width: 320 })
  document.body.append(video)
  try {
    const stalls = stallsOf(video)
    const begun = performance.now()
    const firstFrame = frameNear(video, 0, Number.POSITIVE_INFINITY)
    video.src = url
    await Promise.all([video.play(), firstFrame])
    const firstFrameMs = performance.now() - begun
    stalls.begin()
    await new Promise((resolve) => setTimeout(resolve, playMs))
    const stalled = stalls.end()
    const sought = performance.now()
    const newPlace = frameNear(video, video.duration * seekTo, PLACE_S)
    video.currentTime = video.duration * seekTo
    await newPlace
    return { firstFrameMs, ...stalled, seekMs: performance.now() - sought }
  } finally {
    video.removeAttribute('src')
    video.load()
    video.remove()
  }
}

/** Resolves with the first frame whose time is at most `within` seconds from `place`. */
function frameNear(video: HTMLVideoElement, place: number, within: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = () => reject(new Error(`no frame: ${video.error?.message ?? 'it takes too long'}`))
    const timer = setTimeout(fail, FRAME_MS)
    video.addEventListener('error', fail, { once: true })
    const look = (_now: number, { mediaTime }: { mediaTime: number }) => {
      if (Math.abs(mediaTime - place) > within) return video.requestVideoFrameCallback(look)
      clearTimeout(timer)
      resolve()
    }
    video.requestVideoFrameCallback(look)
  })
}

/** Counts between `begin` and `end` how often the film stood still for want of data. */
function stallsOf(video: HTMLVideoElement) {
  let stalls = 0
  let stalledMs = 0
  let since: number | undefined
  const goOn = () => {
    if (since !== undefined) stalledMs += performance.now() - since
    since = undefined
  }
  return {
    begin(): void {
      video.addEventListener('waiting', () => {
        stalls++
        since ??= performance.now()
      })
      video.addEventListener('playing', goOn)
    },
    end() {
      goOn()
      return { stalls, stalledMs }
    },
  }
}
