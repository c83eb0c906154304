import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { firstFrames } from './first-frames.ts'

class FakeMedia extends EventTarget {
  readonly HAVE_CURRENT_DATA = 2
  readonly paused: boolean
  readonly readyState: number

  constructor(paused: boolean, readyState: number) {
    super()
    this.paused = paused
    this.readyState = readyState
  }
}

const LONG_MS = 60_000

async function isOver(waiting: Promise<void>): Promise<boolean> {
  return await Promise.race([waiting.then(() => true), sleep(20, false)])
}

test('first frames: nothing to wait for without an element, with one that shows something, and with one that does not play', async () => {
  await firstFrames([], LONG_MS)
  await firstFrames([new FakeMedia(false, 2), new FakeMedia(true, 0)], LONG_MS)
})

test('first frames: waits for each element that is about to play', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const [one, other] = [new FakeMedia(false, 0), new FakeMedia(false, 1)]
  const waiting = firstFrames([one, other], LONG_MS)
  one.dispatchEvent(new Event('loadeddata'))
  t.mock.timers.reset()
  assert.equal(await isOver(waiting), false)
  other.dispatchEvent(new Event('loadeddata'))
  await waiting
})

test('first frames: a film that never begins is not waited for any longer', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const waiting = firstFrames([new FakeMedia(false, 0)], LONG_MS)
  t.mock.timers.tick(LONG_MS)
  await waiting
})
