import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Flow, Pipe } from './pipe.ts'
import { VirtualTime } from './time.ts'

const KiB = 1024

/** Sends parcels of so many bytes in each flow, as many as told. @returns when each flow's last one was through */
async function through(
  pipe: Pipe,
  time: VirtualTime,
  counts: readonly number[],
  bytes = counts.map(() => 16 * KiB),
): Promise<number[]> {
  return await time.until(
    Promise.all(
      counts.map((count, flowNumber) => {
        const flow = new Flow()
        return new Promise<number>((resolve) => {
          let left = count
          for (let i = 0; i < count; i++)
            pipe.send(flow, bytes[flowNumber] ?? 0, () => --left === 0 && resolve(time.now()))
        })
      }),
    ),
    60_000,
  )
}

test('one flow has the whole width', async () => {
  const time = new VirtualTime()
  assert.deepEqual(await through(new Pipe(time, 4 * KiB), time, [300]), [1_200])
})

test('flows share the width evenly, and who is done leaves it to the others', async () => {
  const time = new VirtualTime()
  const [short = 0, long = 0] = await through(new Pipe(time, 1 * KiB), time, [10, 50])
  assert.ok(Math.abs(short - 2 * 160) < 2 * 16, `ended after ${short} ms`)
  assert.equal(long, 960)
})

test('on a thin line what is short does not wait for what is long', async () => {
  const time = new VirtualTime()
  const [short = 0, long = 0] = await through(new Pipe(time, 25), time, [1, 1], [100, 16 * KiB])
  assert.ok(short <= 52 && long >= 659, `ended after ${short} and ${long} ms`)
})

test('large parcels have no larger share than small ones', async () => {
  const time = new VirtualTime()
  const ends = await through(new Pipe(time, 1 * KiB), time, [25, 200], [64 * KiB, 8 * KiB])
  for (const end of ends) assert.ok(end >= 3_100 && end <= 3_200, `ended after ${end} ms of 3200`)
})

test('what is dropped takes no time', async () => {
  const time = new VirtualTime()
  const pipe = new Pipe(time, 10)
  const [dropped, kept] = [new Flow(), new Flow()]
  for (let i = 0; i < 10; i++) pipe.send(dropped, 100, () => undefined)
  const last = new Promise<number>((resolve) => pipe.send(kept, 100, () => resolve(time.now())))
  pipe.drop(dropped)
  assert.equal(await time.until(last, 1_000), 20)
})
