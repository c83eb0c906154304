import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulate } from './run.ts'
import type { Scenario } from './scenario.ts'
import { type Summary, summarise } from './summary.ts'

// A small crowd of real visitors on a virtual clock, as a test. Every byte that a reader gets is compared as it comes.

const SEED = 1
/** MiB of chunks that one visitor may have in memory. */
const MOST_MEMORY = 12

/** Runs a scenario with Tributary and without, and holds it to its bounds. */
export function holdTo(scenario: Scenario): void {
  test(`${scenario.name}, seed ${SEED}`, { timeout: 110_000 }, async (t) => {
    const plain = await simulate({ scenario, seed: SEED, tributary: false })
    const run = await simulate({ scenario, seed: SEED, tributary: true })
    const summary = summarise(run, plain)
    t.diagnostic(JSON.stringify(summary))
    for (const { group, doneMs } of run.visitors)
      if (group.role === 'reader') assert.ok(doneMs !== undefined, 'everybody gets the whole file')
    assert.ok(summary.mostMemory <= MOST_MEMORY, `${summary.mostMemory} MiB of chunks in memory`)
    assertWithin(summary, scenario)
  })
}

function assertWithin(summary: Summary, { bounds }: Scenario): void {
  for (const name of ['origin', 'worstOfPlain', 'stalledMs'] as const) {
    const most = bounds?.[name]
    if (most !== undefined) assert.ok(summary[name] <= most, `${name} is ${summary[name].toFixed(2)}, at most ${most}`)
  }
}
