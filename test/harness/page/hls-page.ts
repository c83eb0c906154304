import type HlsPlayer from 'hls.js'
import type {} from './kit.ts' // declares window.kit

// A page that plays HLS with hls.js, which a tag of its own has loaded. Served to test pages as /hls-page.js.

declare const Hls: typeof HlsPlayer

export interface Segment {
  /** Path below the site root. */
  readonly path: string
  readonly bytes: number
  /** From the request to the last byte. */
  readonly ms: number
}

class Ladder {
  readonly segments: Segment[] = []
  /** Those that end the playback: a change of level alone causes others. */
  readonly errors: string[] = []
  #hls: HlsPlayer | undefined

  /** Plays a playlist; resolves with the first frame. @param ahead seconds that are loaded ahead */
  async play(src: string, { rate, ahead }: { rate: number; ahead: number }): Promise<void> {
    // Without a bound in bytes there is none in seconds: small segments are loaded without end.
    const hls = new Hls({ maxBufferLength: ahead, maxBufferSize: 0 })
    this.#hls = hls
    hls.on(Hls.Events.ERROR, (_, { details, fatal }) => fatal && this.errors.push(details))
    hls.on(Hls.Events.FRAG_LOADED, (_, { frag: { url, stats } }) => {
      const { pathname } = new URL(url)
      this.segments.push({ path: pathname.slice(1), bytes: stats.total, ms: stats.loading.end - stats.loading.start })
    })
    const load = (video: HTMLVideoElement) => {
      hls.loadSource(src)
      hls.attachMedia(video)
    }
    await window.kit.player.start(src, { rate, load })
  }

  /** As a viewer picks a quality for what is not loaded yet. @param rendition folder of its playlist */
  pick(rendition: string): void {
    const hls = this.#hls
    const level = hls?.levels.findIndex(({ uri }) => uri.includes(`/${rendition}/`)) ?? -1
    if (hls === undefined || level < 0) throw new Error(`there is no ${rendition}`)
    hls.loadLevel = level
  }
}

declare global {
  interface Window {
    ladder: Ladder
  }
}

window.ladder = new Ladder()
