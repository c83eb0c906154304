import assert from 'node:assert/strict'
import { test } from 'node:test'
import { holdTo } from './held-to.ts'
import { simulate } from './run.ts'
import { DOWNLOADS } from './scenarios.ts'

for (const scenario of DOWNLOADS) holdTo(scenario)

test('a seed gives the same run every time', async () => {
  const [scenario] = DOWNLOADS
  assert.ok(scenario)
  const once = await simulate({ scenario, seed: 7, tributary: true })
  const again = await simulate({ scenario, seed: 7, tributary: true })
  assert.deepEqual(again, once)
  const other = await simulate({ scenario, seed: 8, tributary: true })
  assert.notDeepEqual(other.visitors, once.visitors)
})
