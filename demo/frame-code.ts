// Reads the strip at the bottom edge of the demo's video, which says which second a frame belongs to: drawn on a
// canvas, a decoded frame proves that the right bytes were played. README.md describes the code.

export const CELLS = 16
/** Height of the strip as a part of the frame's height: 32 of 720 lines. */
export const STRIP_HEIGHT = 32 / 720

/** Cells 0 and 1 are white and black; closer together than this, there is no strip here. */
const LEAST_CONTRAST = 96

/** Pixels in the form of ImageData: RGBA, rows from the top. */
export interface FramePixels {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array | Uint8ClampedArray
}

/**
 * The second of the video that a frame shows, or undefined when its strip does not read as one.
 * @param frame the whole frame, scaled to any size that leaves each cell some pixels wide
 */
export function secondOfFrame(frame: FramePixels): number | undefined {
  const y = Math.floor(frame.height * (1 - STRIP_HEIGHT / 2))
  const brightness = Array.from({ length: CELLS }, (_, cell) => brightnessOf(frame, cell, y))
  const [white = 0, black = 0] = brightness
  if (white - black < LEAST_CONTRAST) return undefined
  const bits = brightness.map((value) => (value > (white + black) / 2 ? 1 : 0))
  const high = bits.slice(2, 8)
  const low = bits.slice(8, 14)
  if (bits[14] !== oddParity(high) || bits[15] !== oddParity(low)) return undefined
  return [...high, ...low].reduce((value: number, bit) => value * 2 + bit, 0)
}

/** Mean of a row of pixels in the middle half of a cell, away from the edges that scaling and coding blur. */
function brightnessOf({ width, data }: FramePixels, cell: number, y: number): number {
  const from = Math.floor(((cell + 0.25) * width) / CELLS)
  const to = Math.max(from + 1, Math.floor(((cell + 0.75) * width) / CELLS))
  let sum = 0
  for (let x = from; x < to; x++) {
    const at = (y * width + x) * 4
    sum += (data[at] ?? 0) + (data[at + 1] ?? 0) + (data[at + 2] ?? 0)
  }
  return sum / (3 * (to - from))
}

/** The bit that makes the number of ones odd. */
function oddParity(bits: readonly number[]): number {
  return bits.reduce((parity, bit) => parity ^ bit, 1)
}
