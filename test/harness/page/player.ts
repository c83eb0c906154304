import { secondOfFrame } from '../../../demo/frame-code.ts'

/** What a viewer would notice while a video plays. Times in ms of the page's clock. */
export interface Watching {
  /** From setting `src` to the first frame on the screen. */
  readonly firstFrameMs: number
  /** Times that playback stood still after it had begun because it had run out of data, seeks apart. */
  readonly stalls: number
  readonly stalledMs: number
  readonly stalledAt: readonly string[]
  /** Times that it stood still with data at hand: the machine's fault, not the network's. */
  readonly hiccups: number
  readonly ended: boolean
  /** Message of the element's error. */
  readonly error: string | undefined
  readonly currentTime: number
  readonly duration: number
  /** Frames whose code was read. */
  readonly framesRead: number
  /** Frames whose code names another second than the one they were shown at. */
  readonly wrongFrames: readonly string[]
}

export interface Seeking {
  /** From setting `currentTime` to the first frame of the new place. */
  readonly ms: number
  readonly currentTime: number
  /** The frame's own idea of its second. */
  readonly second: number | undefined
}

const SAMPLE_MS = 100
/** Standing still for less is the decoder's own unevenness. */
const STALL_MS = 400
/** With this much of the video loaded beyond the playhead, standing still has another cause. */
const DATA_AT_HAND_S = 2
export interface StartOptions {
  readonly rate?: number
  readonly muted?: boolean
  /** How the element gets its video; as its `src` by default. */
  readonly load?: (video: HTMLVideoElement, src: string) => void
}

/** Small, for each frame is drawn: four pixels a cell of the code. */
const CANVAS_SIZE = { width: 64, height: 90 }

/** Plays one video after the other in the page and watches it as a viewer would, frame codes included. */
export class Player {
  #video: HTMLVideoElement | undefined
  readonly #canvas = Object.assign(document.createElement('canvas'), CANVAS_SIZE).getContext('2d', {
    willReadFrequently: true,
  })
  #watching = newWatching()
  #sampler: ReturnType<typeof setInterval> | undefined

  /** Starts to play `src` in a new element; resolves with the first frame. */
  async start(src: string, { rate = 1, muted = true, load = setSource }: StartOptions = {}): Promise<void> {
    this.stop()
    const video = document.createElement('video')
    document.body.append(video)
    this.#video = video
    this.#watching = newWatching()
    Object.assign(video, { muted, defaultPlaybackRate: rate, preload: 'auto', width: 640 })
    const watching = this.#watching
    const startedAt = performance.now()
    this.#watchStalls(video)
    const firstFrame = this.#watchFrames(video).then(() => {
      watching.firstFrameMs = performance.now() - startedAt
    })
    const failed = new Promise<never>((_, reject) => {
      video.addEventListener('error', () => reject(new Error(this.#noteError(video))), { once: true })
    })
    failed.catch(() => undefined) // the race may be over when it fails
    load(video, src)
    await Promise.race([failed, Promise.all([video.play(), firstFrame])])
  }

  /** Resolves when the video ended or failed, or after `deadlineMs`. */
  async untilEnd(deadlineMs: number): Promise<Watching> {
    const video = this.#need()
    if (!video.ended && !video.error) await firstOf(video, ['ended', 'error'], deadlineMs)
    return this.report()
  }

  /** Resolves when `seconds` are reached, the video failed, or after `deadlineMs`. */
  async untilTime(seconds: number, deadlineMs: number): Promise<Watching> {
    const video = this.#need()
    const until = performance.now() + deadlineMs
    while (video.currentTime < seconds && !video.ended && !video.error && performance.now() < until)
      await firstOf(video, ['timeupdate', 'ended', 'error'], 250)
    return this.report()
  }

  /** Jumps to a part of the duration from 0 to 1; resolves with the first frame shown there. */
  async seek(part: number): Promise<Seeking> {
    const video = this.#need()
    const target = video.duration * part
    const startedAt = performance.now()
    return await new Promise((resolve) => {
      const look = (_now: number, { mediaTime }: { mediaTime: number }) => {
        // A frame of the old place may still be on its way to the screen.
        if (Math.abs(mediaTime - target) > 3) return video.requestVideoFrameCallback(look)
        resolve({ ms: performance.now() - startedAt, currentTime: video.currentTime, second: this.#code(video) })
      }
      video.requestVideoFrameCallback(look)
      video.currentTime = target
    })
  }

  setRate(rate: number): void {
    this.#need().playbackRate = rate
  }

  report(): Watching {
    const video = this.#need()
    const { currentTime, duration, ended } = video
    return { ...this.#watching, currentTime, duration, ended, error: video.error ? this.#noteError(video) : undefined }
  }

  /** Takes the element away, and with it all its requests. */
  stop(): void {
    clearInterval(this.#sampler)
    const video = this.#video
    if (!video) return
    video.pause()
    video.removeAttribute('src')
    video.load()
    video.remove()
    this.#video = undefined
  }

  #need(): HTMLVideoElement {
    if (!this.#video) throw new Error('no video was started')
    return this.#video
  }

  #watchStalls(video: HTMLVideoElement): void {
    let seenTime = 0
    let movedAt = performance.now()
    let standing: 'no' | 'dry' | 'hiccup' = 'no'
    this.#sampler = setInterval(() => {
      const now = performance.now()
      const atRest = video.paused || video.ended || video.seeking || video.currentTime === 0
      if (video.currentTime !== seenTime || atRest) {
        if (standing === 'dry') {
          this.#watching.stalledMs += now - movedAt
          this.#watching.stalledAt.push(`${seenTime.toFixed(2)} for ${Math.round(now - movedAt)} ms`)
        }
        seenTime = video.currentTime
        movedAt = now
        standing = 'no'
      } else if (standing === 'no' && now - movedAt > STALL_MS) {
        standing = secondsAhead(video) < DATA_AT_HAND_S ? 'dry' : 'hiccup'
        if (standing === 'dry') this.#watching.stalls++
        else this.#watching.hiccups++
      }
    }, SAMPLE_MS)
  }

  /** Reads the code of every frame that is shown; resolves with the first. */
  #watchFrames(video: HTMLVideoElement): Promise<void> {
    const watching = this.#watching
    return new Promise((resolve) => {
      const look = (_now: number, { mediaTime }: { mediaTime: number }) => {
        const second = this.#code(video)
        watching.framesRead++
        // Busy machines show, and hand to the canvas, an older picture than the one they report.
        const lag = 0.25 + 0.5 * video.playbackRate
        const fits = second !== undefined && second >= Math.floor(mediaTime - lag) && second <= mediaTime + 0.5
        if (!fits && watching.wrongFrames.length < 20) watching.wrongFrames.push(`${second} at ${mediaTime}`)
        resolve()
        video.requestVideoFrameCallback(look)
      }
      video.requestVideoFrameCallback(look)
    })
  }

  #code(video: HTMLVideoElement): number | undefined {
    const { width, height } = CANVAS_SIZE
    if (!this.#canvas) throw new Error('no canvas')
    this.#canvas.drawImage(video, 0, 0, width, height)
    return secondOfFrame(this.#canvas.getImageData(0, 0, width, height))
  }

  #noteError(video: HTMLVideoElement): string {
    return `media error ${video.error?.code}: ${video.error?.message}`
  }
}

function setSource(video: HTMLVideoElement, src: string): void {
  video.src = src
}

interface WatchingSoFar extends Omit<Watching, 'currentTime' | 'duration' | 'ended' | 'error'> {
  firstFrameMs: number
  stalls: number
  stalledMs: number
  stalledAt: string[]
  hiccups: number
  framesRead: number
  wrongFrames: string[]
}

function newWatching(): WatchingSoFar {
  return {
    firstFrameMs: Number.NaN,
    stalls: 0,
    stalledMs: 0,
    stalledAt: [],
    hiccups: 0,
    framesRead: 0,
    wrongFrames: [],
  }
}

/** How much of the video is loaded beyond the playhead; at its end, enough of it. */
function secondsAhead({ buffered, currentTime, duration }: HTMLVideoElement): number {
  for (let i = 0; i < buffered.length; i++) {
    const end = buffered.end(i)
    if (buffered.start(i) <= currentTime + 0.5 && end >= currentTime)
      return end >= duration - 0.5 ? Number.POSITIVE_INFINITY : end - currentTime
  }
  return 0
}

/** Resolves at the first of these events, or after `deadlineMs`. */
function firstOf(target: EventTarget, events: readonly string[], deadlineMs: number): Promise<void> {
  const stop = new AbortController()
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      stop.abort()
      resolve()
    }
    const timer = setTimeout(done, deadlineMs)
    for (const event of events) target.addEventListener(event, done, { signal: stop.signal })
  })
}
