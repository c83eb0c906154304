import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Result, simulate } from './run.ts'
import { type Scenario, scenario } from './scenario.ts'

// What docs/spec/dht.md claims about hostile nodes, on small networks. Larger ones: npm run bench dht-attacks

const SMALL = { nodes: 100, joinS: 30, settleS: 30, measureS: 60, searchesPerMin: 2 }
/** Links of a node and what it takes beyond them for a while. */
const MOST_LINKS = 24
const MOST_RECORDS = 1024

/** Runs an attack; whatever it is, nobody is cut off for the words of others, believes a forgery, or holds without bounds. */
function attacked(t: TestContext, name: string, changes: Partial<Scenario> = {}): Result {
  const plan = scenario(name, { ...SMALL, ...changes })
  const result = simulate(plan)
  t.diagnostic(`seed ${plan.seed}: ${JSON.stringify(result)}`)
  const { framed, forged, impostors, mostRecords, mostLinks } = result.damage
  assert.ok(result.searches >= 50, 'enough searches to tell')
  assert.equal(framed, 0, 'honest links given up')
  assert.equal(forged, 0, 'forged records believed')
  assert.equal(impostors, 0, 'links with somebody else')
  assert.ok(mostRecords <= MOST_RECORDS)
  assert.ok(mostLinks <= MOST_LINKS)
  return result
}

test('nodes that pass nothing on: other ways lead there', (t) => {
  const { successRate, latencyP95Ms } = attacked(t, 'silence')
  assert.ok(successRate >= 0.97)
  assert.ok(latencyP95Ms <= 1_500)
})

test('nodes that answer everything with nodes and friends that are not there', (t) => {
  const { successRate, latencyP95Ms, messagesPerMin } = attacked(t, 'poisoned routes')
  assert.ok(successRate >= 0.97)
  assert.ok(latencyP95Ms <= 2_500)
  assert.ok(messagesPerMin <= 120)
})

test('a fifth of all nodes next to one key, which they hide', (t) => {
  const { successRate, latencyP50Ms, latencyP95Ms } = attacked(t, 'eclipse')
  assert.ok(successRate >= 0.9)
  assert.ok(latencyP50Ms <= 2_500)
  assert.ok(latencyP95Ms <= 5_000)
})

test('nodes that tell providers that they are not needed', (t) => {
  const { successRate } = attacked(t, 'discouraged providers')
  assert.ok(successRate >= 0.97)
})

test('records that others are said to have signed, and records that never end', (t) => {
  const { successRate, latencyP95Ms } = attacked(t, 'forged records')
  assert.ok(successRate >= 0.97)
  assert.ok(latencyP95Ms <= 1_500)
})

test('nodes that say that they are others: relayed, reflected and made-up proofs', (t) => {
  const { successRate, damage } = attacked(t, 'forged ids')
  assert.ok(damage.caught > 0)
  assert.ok(successRate >= 0.97)
})

test('bytes that are no messages, or too many: the link is given up, and nothing else', (t) => {
  const { successRate, damage, messagesPerMin } = attacked(t, 'garbage')
  assert.ok(damage.caught > 0)
  assert.ok(successRate >= 0.97)
  assert.ok(messagesPerMin <= 200)
})

/** All that links carry that send as much as is borne, and a little for the answers. */
const FLOODED_PER_MIN = 1_500

for (const name of ['flood', 'drizzle'])
  test(`${name}: searches, stores and offers without end cost no node more than its links bear`, (t) => {
    const { hostile } = scenario(name)
    const { successRate, messagesPerMin, damage } = attacked(t, name, { hostile: { ...hostile, share: 0.04 } })
    assert.ok(successRate >= 0.95)
    assert.ok(messagesPerMin <= FLOODED_PER_MIN)
    assert.ok(damage.mostMessagesPerMin <= 3 * FLOODED_PER_MIN)
    assert.ok(damage.caught > 0)
  })

test('providers that are made up by the hundred: those that are there are found', (t) => {
  const { hostile } = scenario('sybils')
  const { successRate, latencyP95Ms, messagesPerMin } = attacked(t, 'sybils', { hostile: { ...hostile, share: 0.05 } })
  assert.ok(successRate >= 0.97)
  assert.ok(latencyP95Ms <= 2_500)
  assert.ok(messagesPerMin <= 120)
})

for (const name of ['sybils with tokens', 'sybils that accomplices name'])
  test(`${name}, announced one by one as providers do: most of those that are there are found, later`, (t) => {
    const { hostile } = scenario(name)
    const { successRate } = attacked(t, name, { hostile: { ...hostile, share: 0.05 } })
    assert.ok(successRate >= 0.9)
  })
