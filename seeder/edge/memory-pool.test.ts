import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryPool } from './memory-pool.ts'

/** Lets everything go on that can. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('who finds too little waits in line, and is served in turn', async () => {
  const pool = new MemoryPool(10)
  const served: string[] = []
  const take = async (name: string, bytes: number) => {
    const giveBack = await pool.take(bytes)
    served.push(name)
    return giveBack
  }
  const first = await take('first', 6)
  const large = take('large', 8)
  const small = take('small', 2) // would fit, and has to wait for the large one
  await settled()
  assert.deepEqual([served, pool.lacking], [['first'], 10])
  first?.()
  first?.()
  await settled()
  assert.deepEqual([served, pool.lacking], [['first', 'large', 'small'], 0])
  ;(await large)?.()
  ;(await small)?.()
  assert.ok(await pool.take(10))
})

test('who wants more than there is gets all of it, alone', async () => {
  const pool = new MemoryPool(10)
  const all = await pool.take(100)
  assert.equal(await pool.take(1, { ms: 1 }), undefined)
  all?.()
  assert.ok(await pool.take(1, { ms: 1 }))
})

test('who waits too long, or has gone, gets nothing and keeps nobody waiting', async () => {
  const pool = new MemoryPool(10)
  const first = await pool.take(9)
  const gone = new AbortController()
  const leaving = pool.take(9, { signal: gone.signal })
  const late = pool.take(9, { ms: 5 })
  const small = pool.take(1)
  gone.abort()
  assert.deepEqual([await leaving, await late], [undefined, undefined])
  assert.ok(await small, 'fits beside the first')
  assert.equal(await pool.take(9, { signal: gone.signal }), undefined)
  assert.equal(pool.lacking, 0)
  first?.()
  assert.ok(await pool.take(9))
})
