import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MiB } from '../protocol/units.ts'
import { fakeStorage, noStorage } from '../test/harness/storage.ts'
import { UploadLedger } from './upload-ledger.ts'

const BLOCK = 16 * 1024
const NONE = Number.POSITIVE_INFINITY

function setUp(t: TestContext, now = '2026-11-23T12:00:00Z') {
  t.mock.timers.enable({ apis: ['Date'], now: new Date(now) })
  return { local: fakeStorage(t, 'localStorage'), session: fakeStorage(t, 'sessionStorage') }
}

/** Uploads block by block until told to stop. @returns bytes */
function uploadAll(ledger: UploadLedger, most = 100 * MiB): number {
  let bytes = 0
  while (bytes < most) {
    bytes += BLOCK
    if (ledger.add(BLOCK)) break
  }
  return bytes
}

test('without caps it never ends', (t) => {
  setUp(t)
  const ledger = new UploadLedger({ session: NONE, month: NONE })
  assert.equal(uploadAll(ledger), 100 * MiB)
  assert.equal(ledger.isSpent, false)
})

test('a session ends at its cap, and the next one does not', (t) => {
  const { session } = setUp(t)
  const caps = { session: 5 * MiB, month: NONE }
  assert.equal(uploadAll(new UploadLedger(caps)), 5 * MiB)
  assert.equal(new UploadLedger(caps).isSpent, true, 'after a reload')
  session.clear()
  assert.equal(uploadAll(new UploadLedger(caps)), 5 * MiB)
})

test('a month ends at its cap, over all sessions, and the next one starts at nothing', (t) => {
  const { session } = setUp(t, '2026-11-30T23:59:00Z')
  const caps = { session: 4 * MiB, month: 10 * MiB }
  const given = Array.from({ length: 4 }, () => {
    session.clear()
    const ledger = new UploadLedger(caps)
    return ledger.isSpent ? 0 : uploadAll(ledger)
  })
  assert.deepEqual(given, [4 * MiB, 4 * MiB, 2 * MiB, 0])
  session.clear()
  const ledger = new UploadLedger(caps)
  assert.equal(ledger.isSpent, true)
  t.mock.timers.tick(2 * 60_000)
  assert.equal(ledger.isSpent, false)
  assert.equal(uploadAll(ledger), 4 * MiB)
})

test('what another tab uploads counts', (t) => {
  setUp(t)
  const caps = { session: NONE, month: 8 * MiB }
  const [a, b] = [new UploadLedger(caps), new UploadLedger(caps)]
  let bytes = 0
  for (let isOver = false; !isOver; bytes += 2 * BLOCK) isOver = a.add(BLOCK) || b.add(BLOCK)
  // Each looks after the other once in a megabyte.
  assert.ok(bytes >= 8 * MiB - 2 * MiB && bytes <= 8 * MiB + 2 * MiB, `${bytes} bytes`)
  assert.equal(a.isSpent || b.isSpent, true)
})

test('what was uploaded last is written down when the page goes', (t) => {
  const { local, session } = setUp(t)
  const ledger = new UploadLedger({ session: NONE, month: NONE })
  ledger.save()
  assert.equal(local.size + session.size, 0, 'nothing is kept of a visitor who gave nothing')
  ledger.add(MiB)
  ledger.add(1000)
  ledger.save()
  assert.deepEqual([...local.values(), ...session.values()], [`2026-11 ${MiB + 1000}`, `${MiB + 1000}`])
})

test('what somebody else wrote there counts as nothing', (t) => {
  const { local, session } = setUp(t)
  for (const text of [
    '',
    'nonsense',
    '2026-11',
    '2026-11 -5',
    '2026-11 NaN',
    '2026-11 Infinity',
    '2026-10 99999999999',
  ]) {
    local.set('tributary:uploaded', text)
    session.set('tributary:uploaded', text)
    assert.equal(new UploadLedger({ session: MiB, month: MiB }).isSpent, false, text)
  }
})

test('where nothing can be kept, the caps hold for the page', (t) => {
  noStorage(t, 'localStorage')
  noStorage(t, 'sessionStorage')
  const ledger = new UploadLedger({ session: NONE, month: 3 * MiB })
  assert.equal(uploadAll(ledger), 3 * MiB)
  assert.equal(ledger.isSpent, true)
})
