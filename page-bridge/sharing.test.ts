import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as settle } from 'node:timers/promises'
import { MiB } from '../protocol/units.ts'
import { fakeStorage, noStorage } from '../test/harness/storage.ts'
import type { BatteryManager, NetworkInformation } from './device.ts'
import { Sharing, type SharingOptions } from './sharing.ts'

const NONE = Number.POSITIVE_INFINITY
const HOUR_MS = 3_600_000

class FakeNetwork extends EventTarget implements NetworkInformation {
  saveData = false
  type = 'wifi'
  effectiveType = '4g'

  become(change: Partial<Pick<FakeNetwork, 'saveData' | 'type' | 'effectiveType'>>): void {
    Object.assign(this, change)
    this.dispatchEvent(new Event('change'))
  }
}

class FakeBattery extends EventTarget implements BatteryManager {
  charging = true
  level = 1

  become(change: Partial<Pick<FakeBattery, 'charging' | 'level'>>): void {
    Object.assign(this, change)
    this.dispatchEvent(new Event('charging' in change ? 'chargingchange' : 'levelchange'))
  }
}

/** A page's sharing, and whatever it told. */
function open(options: Partial<SharingOptions> = {}): { sharing: Sharing; told: boolean[] } {
  const told: boolean[] = []
  const sharing = new Sharing({
    consent: 'implied',
    caps: { session: NONE, month: NONE },
    uploadLimit: NONE,
    device: {},
    onChange: (allowed) => told.push(allowed),
    ...options,
  })
  return { sharing, told }
}

function setUp(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval', 'Date'], now: new Date('2026-11-30T12:00:00Z') })
  return { local: fakeStorage(t, 'localStorage'), session: fakeStorage(t, 'sessionStorage') }
}

test('where nothing speaks against it, pages share', (t) => {
  setUp(t)
  assert.equal(open().sharing.allowed, true)
})

test('the visitor turns it off and on', (t) => {
  setUp(t)
  const { sharing, told } = open()
  sharing.wanted = false
  assert.equal(sharing.allowed, false)
  sharing.wanted = true
  assert.deepEqual(told, [false, true])
})

test('where a site asks for consent, nothing is shared before it is given, and it is remembered', (t) => {
  setUp(t)
  const { sharing, told } = open({ consent: 'ask' })
  sharing.wanted = true
  assert.equal(sharing.allowed, false)
  const otherTab = open({ consent: 'ask' }).sharing
  sharing.decide(true)
  assert.deepEqual(told, [false, true])
  assert.deepEqual([otherTab.allowed, open({ consent: 'ask' }).sharing.allowed], [true, true])
  sharing.decide(false)
  assert.deepEqual([sharing.allowed, otherTab.allowed], [false, false])
})

test('where nothing can be kept, the answer holds for the page', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  noStorage(t, 'localStorage')
  noStorage(t, 'sessionStorage')
  const { sharing } = open({ consent: 'ask' })
  assert.equal(sharing.allowed, false)
  sharing.decide(true)
  assert.equal(sharing.allowed, true)
})

for (const dear of [{ type: 'cellular' }, { saveData: true }, { effectiveType: '2g' }, { effectiveType: 'slow-2g' }])
  test(`nothing is shared over a line with ${JSON.stringify(dear)}, until it is another`, (t) => {
    setUp(t)
    const connection = new FakeNetwork()
    const { sharing, told } = open({ device: { connection } })
    assert.equal(sharing.allowed, true)
    connection.become(dear)
    assert.equal(sharing.allowed, false)
    connection.become({ type: 'ethernet', saveData: false, effectiveType: '3g' })
    connection.become({ effectiveType: '4g' })
    assert.deepEqual(told, [false, true])
  })

test('nothing is shared on a low battery, until it is charged', async (t) => {
  setUp(t)
  const battery = new FakeBattery()
  const { sharing, told } = open({ device: { getBattery: async () => battery } })
  await settle()
  battery.become({ charging: false })
  battery.become({ level: 0.2 })
  assert.equal(sharing.allowed, true)
  battery.become({ level: 0.19 })
  assert.equal(sharing.allowed, false)
  battery.become({ charging: true })
  assert.equal(sharing.allowed, true)
  battery.become({ charging: false })
  battery.become({ level: 0.5 })
  assert.deepEqual(told, [true, false, true, false, true])
})

test('a battery that is low from the start is heard of a moment later', async (t) => {
  setUp(t)
  const battery = Object.assign(new FakeBattery(), { charging: false, level: 0.05 })
  const { sharing, told } = open({ device: { getBattery: async () => battery } })
  await settle()
  assert.equal(sharing.allowed, false)
  assert.deepEqual(told, [false])
})

test('a page that may not ask for the battery shares', async (t) => {
  setUp(t)
  const getBattery = () => Promise.reject(new DOMException('not here', 'NotAllowedError'))
  const { sharing } = open({ device: { getBattery } })
  await settle()
  assert.equal(sharing.allowed, true)
})

test('a limit of nothing a second is a no', (t) => {
  setUp(t)
  assert.equal(open({ uploadLimit: 0 }).sharing.allowed, false)
})

test('what a session may give ends, and a reload does not begin another', (t) => {
  const { session } = setUp(t)
  const caps = { session: 3 * MiB, month: NONE }
  const { sharing, told } = open({ caps })
  for (let sent = 0; sent < 3 * MiB; sent += MiB) sharing.uploaded(MiB)
  assert.equal(sharing.allowed, false)
  assert.deepEqual(told, [false])
  assert.equal(open({ caps }).sharing.allowed, false)
  session.clear()
  assert.equal(open({ caps }).sharing.allowed, true)
})

test('what a month may give ends, and begins again with the next, while the page stays open', (t) => {
  setUp(t)
  const { sharing, told } = open({ caps: { session: NONE, month: 2 * MiB } })
  sharing.uploaded(2 * MiB)
  t.mock.timers.tick(HOUR_MS)
  assert.deepEqual(told, [false])
  t.mock.timers.tick(12 * HOUR_MS)
  assert.deepEqual(told, [false, true])
})

test('one reason against it is enough', (t) => {
  setUp(t)
  const connection = new FakeNetwork()
  const { sharing, told } = open({ consent: 'ask', device: { connection }, caps: { session: NONE, month: MiB } })
  connection.become({ saveData: true })
  sharing.decide(true)
  assert.equal(sharing.allowed, false)
  connection.become({ saveData: false })
  assert.equal(sharing.allowed, true)
  sharing.uploaded(MiB)
  assert.deepEqual(told, [false, true, false])
})

test('what was uploaded is written down when the page goes', (t) => {
  const { local } = setUp(t)
  const { sharing } = open()
  sharing.uploaded(MiB)
  sharing.uploaded(1)
  sharing.save()
  assert.equal(local.get('tributary:uploaded'), `2026-11 ${MiB + 1}`)
})
