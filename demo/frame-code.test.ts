import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { CELLS, type FramePixels, secondOfFrame } from './frame-code.ts'

/** Rows of real frames: the middle line of the strip, decoded by ffmpeg, as base64 of 1280 RGB pixels. */
interface Sample {
  readonly frame: number
  readonly second: number
  readonly row: string
}
const samples: Sample[] = JSON.parse(readFileSync(new URL('frame-samples.json', import.meta.url), 'utf8'))

/** A frame whose lines are all alike. */
function frameOf(row: Uint8Array, height: number): FramePixels {
  const width = row.length / 3
  const data = new Uint8Array(width * height * 4).fill(255)
  for (let at = 0; at < width * height; at++) {
    const x = (at % width) * 3
    data.set(row.subarray(x, x + 3), at * 4)
  }
  return { width, height, data }
}

function shrunk(row: Uint8Array, width: number): Uint8Array {
  const step = row.length / 3 / width
  return Uint8Array.from({ length: width * 3 }, (_, i) => row[Math.floor(Math.floor(i / 3) * step) * 3 + (i % 3)] ?? 0)
}

const rowOf = (sample: Sample) => new Uint8Array(Buffer.from(sample.row, 'base64'))

/** Paints one cell of a row. */
function painted(row: Uint8Array, cell: number, value: number): Uint8Array {
  const span = row.length / CELLS
  return row.slice().fill(value, cell * span, (cell + 1) * span)
}

for (const sample of samples) {
  test(`frame ${sample.frame} of the video belongs to second ${sample.second}`, () => {
    assert.equal(secondOfFrame(frameOf(rowOf(sample), 2)), sample.second)
  })

  test(`frame ${sample.frame}, scaled down to 160 pixels`, () => {
    assert.equal(secondOfFrame(frameOf(shrunk(rowOf(sample), 160), 2)), sample.second)
  })

  test(`frame ${sample.frame}: any single wrong cell is noticed`, () => {
    const row = rowOf(sample)
    for (let cell = 0; cell < CELLS; cell++) {
      const value = row[Math.floor((cell + 0.5) * (row.length / CELLS))] ?? 0
      assert.equal(secondOfFrame(frameOf(painted(row, cell, value > 127 ? 0 : 255), 2)), undefined, `cell ${cell}`)
    }
  })
}

test('a frame of one colour is no answer', () => {
  for (const value of [0, 128, 255])
    assert.equal(secondOfFrame(frameOf(new Uint8Array(1280 * 3).fill(value), 2)), undefined)
})
