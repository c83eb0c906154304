import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulate } from './run.ts'
import { scenario } from './scenario.ts'

const SMALL = { nodes: 100, joinS: 30, settleS: 30, measureS: 120, searchesPerMin: 1 }

/** How a network begins should not be seen in what comes after it. */
const PLANS = [
  { name: 'steady', changes: {} },
  { name: 'churn', changes: {} },
  { name: 'churn', changes: { joinS: 0, settleS: 60 } },
]

for (const { name, changes } of PLANS)
  test(`${name} ${JSON.stringify(changes)}: of 100 nodes nearly all find a provider, within few hops and with few messages`, (t) => {
    const result = simulate(scenario(name, { ...SMALL, ...changes }))
    t.diagnostic(JSON.stringify(result))
    assert.ok(result.searches >= 100, 'enough searches to tell')
    assert.ok(result.successRate >= 0.97)
    assert.ok(result.hopsP50 <= 4)
    assert.ok(result.latencyP95Ms <= 1_500)
    assert.ok(result.messagesPerMin <= 60)
    assert.ok(result.links >= 10)
  })
