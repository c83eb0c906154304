// Takes the rows of frame-samples.json out of the committed film; needs ffmpeg. Run after make-video.sh.

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const FRAMES_PER_SECOND = 24
const MIDDLE_OF_STRIP = 704
const frames = [0, 23, 24, 1000, 1535, 1536, 2015] // both sides of a second, of a change of all low bits, first and last

const rows = execFileSync(
  'ffmpeg',
  [
    ...['-v', 'error', '-i', here('site/videos/tributary.mp4')],
    ...['-vf', `select=${frames.map((n) => `eq(n\\,${n})`).join('+')},format=rgb24,crop=1280:1:0:${MIDDLE_OF_STRIP}`],
    ...['-fps_mode', 'passthrough', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'],
  ],
  { maxBuffer: 1 << 26 },
)
const length = 1280 * 3
const samples = frames.map((frame, i) => ({
  frame,
  second: Math.floor(frame / FRAMES_PER_SECOND),
  row: rows.subarray(i * length, (i + 1) * length).toString('base64'),
}))
writeFileSync(here('frame-samples.json'), `${JSON.stringify(samples, null, 2)}\n`)
