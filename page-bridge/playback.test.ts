import assert from 'node:assert/strict'
import { test } from 'node:test'
import { slackOf } from './playback.ts'

/** At second 10 of a film of 60, with what is buffered up to `end`. */
function media(end: number, more: Partial<Parameters<typeof slackOf>[0]> = {}): Parameters<typeof slackOf>[0] {
  return {
    HAVE_FUTURE_DATA: 3,
    readyState: 3,
    paused: false,
    seeking: false,
    currentTime: 10,
    duration: 60,
    playbackRate: 1,
    buffered: { length: 1, start: () => 0, end: () => end },
    ...more,
  }
}

test('slack: what is buffered ahead, at the rate of the element', () => {
  assert.equal(slackOf(media(12)), 2_000)
  assert.equal(slackOf(media(12, { playbackRate: 4 })), 500)
})

test('slack: without end when paused, and when all of the rest is there', () => {
  assert.equal(slackOf(media(12, { paused: true })), Number.POSITIVE_INFINITY)
  assert.equal(slackOf(media(60)), Number.POSITIVE_INFINITY)
})

test('slack: none for an element that stands still, though it says that it has a little', () => {
  assert.equal(slackOf(media(10.7, { readyState: 2 })), 0)
  assert.equal(slackOf(media(13, { readyState: 2, playbackRate: 4 })), 0)
})

test('slack: an element that stands still with much to play lacks something else than bytes', () => {
  assert.equal(slackOf(media(15, { readyState: 2 })), 5_000)
  assert.equal(slackOf(media(60, { readyState: 2 })), Number.POSITIVE_INFINITY)
})
