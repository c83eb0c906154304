import assert from 'node:assert/strict'
import type { Seeking, Watching } from './page/player.ts'
import type { Tab } from './tab.ts'

/** Starts a video in the tab; resolves with its first frame, rejects when the element fails. */
export function startVideo(tab: Tab, src: string, rate = 1): Promise<void> {
  return tab.evaluate(({ src, rate }) => window.kit.player.start(src, { rate }), { src: `/${src}`, rate })
}

export function watchToEnd(tab: Tab, deadlineMs = 60_000): Promise<Watching> {
  return tab.evaluate((deadline) => window.kit.player.untilEnd(deadline), deadlineMs)
}

export function watchUntil(tab: Tab, seconds: number, deadlineMs = 60_000): Promise<Watching> {
  return tab.evaluate(({ seconds, deadlineMs }) => window.kit.player.untilTime(seconds, deadlineMs), {
    seconds,
    deadlineMs,
  })
}

export function seekVideo(tab: Tab, part: number): Promise<Seeking> {
  return tab.evaluate((part) => window.kit.player.seek(part), part)
}

export function setRate(tab: Tab, rate: number): Promise<void> {
  return tab.evaluate((rate) => window.kit.player.setRate(rate), rate)
}

/** Asserts that it ended, each decoded frame was the right one, and playback never ran dry. */
export function assertPlayedThrough(watched: Watching): void {
  assert.equal(watched.error, undefined)
  assert.ok(watched.ended, `ended; it stands at ${watched.currentTime} of ${watched.duration}`)
  assertRightFrames(watched)
  assertNoStall(watched)
}

export function assertNoStall({ stalls, stalledAt }: Watching): void {
  assert.equal(stalls, 0, `stalled at ${stalledAt.join(', ')}`)
}

export function assertRightFrames(watched: Watching): void {
  assert.deepEqual(watched.wrongFrames, [])
  // Slow machines drop frames at high rates, but never nearly all.
  assert.ok(watched.framesRead > 20, `read the code of ${watched.framesRead} frames`)
}

/** Asserts that the frame shown after a seek is the one of that place. */
export function assertSoughtTo(sought: Seeking, seconds: number): void {
  assert.ok(
    sought.second !== undefined && Math.abs(sought.second - seconds) <= 1.5,
    `the frame says ${sought.second}, wanted ${seconds}`,
  )
}
