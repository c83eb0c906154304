import { QuotaExceeded } from '../protocol/errors.ts'
import type { ChunkIndex, InfoHash } from '../protocol/units.ts'
import { type ChunkStore, MAX_RUN_CHUNKS, type MergingStore, type RunData } from './chunk-store.ts'

// What every store promises. Runs in Node and in pages alike, so it asserts with its own few words.

/** How a store under test is opened. */
export interface ContractSetup {
  /** Opens the store; called again it opens another instance on the same data. */
  open(): Promise<ChunkStore<RunData>>
  /** Opens an empty store of its own that holds about `capacity` bytes; undefined where that cannot be arranged. */
  openSmall?(capacity: number): Promise<ChunkStore<RunData>>
  /**
   * Begins to write a run and is killed before it is done, sooner or later, several times. Absent where nothing outlives
   * who writes.
   * @returns another instance on what is left
   */
  openTorn?(
    swarm: InfoHash,
    first: ChunkIndex,
    chunks: readonly Uint8Array<ArrayBuffer>[],
  ): Promise<ChunkStore<RunData>>
}

export interface ContractCase {
  readonly name: string
  run(setup: ContractSetup): Promise<void>
}

const at = (n: number) => n as ChunkIndex
const swarmOf = (digit: string) => digit.repeat(40) as InfoHash
const filled = (length: number, value: number) => new Uint8Array(length).fill(value)

/** The same for stores that can be tidied up. */
export interface MergingSetup {
  open(): Promise<MergingStore>
}

export interface MergingCase {
  readonly name: string
  run(setup: MergingSetup): Promise<void>
}

/** A swarm that no other case uses. */
let made = 0
const freshSwarm = () => (made++).toString(16).padStart(40, 'f') as InfoHash

/** What stores that can be tidied up promise beyond that. */
export const mergingStoreContract: readonly MergingCase[] = [
  {
    name: 'neighbouring runs become one, and keep their bytes',
    async run({ open }) {
      const store = await open()
      const swarm = freshSwarm()
      await store.write(swarm, at(0), [filled(64, 0), filled(64, 1)])
      await store.write(swarm, at(2), [filled(64, 2)])
      await store.write(swarm, at(3), [filled(64, 3), filled(9, 4)])
      await store.merge(swarm, { first: at(0), after: at(5) })
      same(await store.runs(swarm), [{ first: 0, after: 5 }])
      for (const chunk of [0, 1, 2, 3]) same(await store.read(swarm, at(chunk)), filled(64, chunk))
      same(await store.read(swarm, at(4)), filled(9, 4))
      await store.write(swarm, at(5), [filled(4, 5)])
      same(covered(await store.runs(swarm)), [0, 1, 2, 3, 4, 5])
    },
  },
  {
    name: 'runs with a gap, or beyond what is named, stay as they are',
    async run({ open }) {
      const store = await open()
      const swarm = freshSwarm()
      await store.write(swarm, at(0), [filled(8, 0)])
      await store.write(swarm, at(2), [filled(8, 2), filled(8, 3)])
      const before = await store.runs(swarm)
      await store.merge(swarm, { first: at(0), after: at(4) })
      await store.merge(swarm, { first: at(2), after: at(3) })
      same(await store.runs(swarm), before)
      same(await store.read(swarm, at(3)), filled(8, 3))
    },
  },
]

export const chunkStoreContract: readonly ContractCase[] = [
  {
    name: 'an absent chunk is undefined, an absent swarm has no runs',
    async run({ open }) {
      const store = await open()
      same(await store.read(freshSwarm(), at(0)), undefined)
      same(await store.runs(freshSwarm()), [])
    },
  },
  {
    name: 'each chunk of a run is read back, the short last one too',
    async run({ open }) {
      const store = await open()
      const swarm = freshSwarm()
      await store.write(swarm, at(7), [filled(64, 1), filled(64, 2), filled(10, 3)])
      same(await store.read(swarm, at(6)), undefined)
      same(await store.read(swarm, at(7)), filled(64, 1))
      same(await store.read(swarm, at(8)), filled(64, 2))
      same(await store.read(swarm, at(9)), filled(10, 3))
      same(await store.read(swarm, at(10)), undefined)
      same(await store.runs(swarm), [{ first: 7, after: 10 }])
    },
  },
  {
    name: 'large runs come back byte by byte',
    async run({ open }) {
      const store = await open()
      const swarm = freshSwarm()
      const chunks = Array.from({ length: 9 }, (_, i) => filled(128 * 1024, i + 1))
      await store.write(swarm, at(0), chunks)
      for (const [i, chunk] of chunks.entries()) same(await store.read(swarm, at(i)), chunk)
    },
  },
  {
    name: 'a chunk that is stored already keeps its bytes, the missing ones around it are added',
    async run({ open }) {
      const store = await open()
      const swarm = freshSwarm()
      await store.write(swarm, at(2), [filled(8, 2)])
      await store.write(swarm, at(0), [filled(8, 10), filled(8, 11), filled(8, 12), filled(8, 13)])
      same(await store.read(swarm, at(1)), filled(8, 11))
      same(await store.read(swarm, at(2)), filled(8, 2))
      same(await store.read(swarm, at(3)), filled(8, 13))
      same(covered(await store.runs(swarm)), [0, 1, 2, 3])
    },
  },
  {
    name: 'what one instance wrote another one reads',
    async run({ open }) {
      const [one, other] = await Promise.all([open(), open()])
      const swarm = freshSwarm()
      await one.write(swarm, at(0), [filled(32, 5)])
      same(await other.read(swarm, at(0)), filled(32, 5))
      same(await other.runs(swarm), [{ first: 0, after: 1 }])
    },
  },
  {
    name: 'many writers and readers at once leave every chunk once',
    async run({ open }) {
      const stores = await Promise.all([open(), open(), open()])
      const swarm = freshSwarm()
      const starts = Array.from({ length: 30 }, (_, i) => (i * 7) % 31)
      await Promise.all(
        starts.map(async (start, i) => {
          const store = stores[i % 3] ?? (await open())
          await store.write(
            swarm,
            at(start),
            [0, 1, 2].map((step) => filled(16, start + step)),
          )
          same(await store.read(swarm, at(start)), filled(16, start))
        }),
      )
      const store = await open()
      const chunks = covered(await store.runs(swarm))
      same(
        chunks,
        [...new Set(starts.flatMap((start) => [start, start + 1, start + 2]))].sort((a, b) => a - b),
      )
      for (const chunk of chunks) same(await store.read(swarm, at(chunk)), filled(16, chunk))
    },
  },
  {
    name: 'swarms are listed by use, dropped whole, and kept apart',
    async run({ open }) {
      const store = await open()
      const [a, b] = [freshSwarm(), freshSwarm()]
      await store.write(a, at(0), [filled(4, 1)])
      await until(() => store.write(b, at(0), [filled(4, 2)]))
      await until(() => store.touch(a))
      same(
        (await store.swarms()).filter((swarm) => swarm === a || swarm === b),
        [b, a],
      )
      await store.drop(a)
      same(await store.read(a, at(0)), undefined)
      same(await store.runs(a), [])
      same(await store.read(b, at(0)), filled(4, 2))
      same((await store.swarms()).includes(a), false)
    },
  },
  {
    name: 'touching an unknown swarm does not list it',
    async run({ open }) {
      const store = await open()
      const swarm = freshSwarm()
      await store.touch(swarm)
      same((await store.swarms()).includes(swarm), false)
    },
  },
  {
    name: 'runs that are none are refused',
    async run({ open }) {
      const store = await open()
      const swarm = freshSwarm()
      const tooMany = Array.from({ length: MAX_RUN_CHUNKS + 1 }, () => filled(1, 1))
      for (const wrong of [
        [],
        [filled(0, 0)],
        [filled(4, 1), filled(5, 1)],
        [filled(4, 1), filled(3, 1), filled(4, 1)],
        tooMany,
      ])
        await throwsNamed('RangeError', () => store.write(swarm, at(0), wrong))
      same(await store.runs(swarm), [])
    },
  },
  {
    name: 'a full store refuses a run whole, and takes it after a drop',
    async run({ openSmall }) {
      if (!openSmall) return
      const store = await openSmall(1024 * 1024)
      const [old, young] = [swarmOf('a'), swarmOf('b')]
      await store.write(old, at(0), [filled(700 * 1024, 1)])
      await throwsNamed(QuotaExceeded.name, () => store.write(young, at(0), [filled(700 * 1024, 2), filled(1, 2)]))
      same(await store.runs(young), [])
      same(await store.read(old, at(0)), filled(700 * 1024, 1))
      await store.drop(old)
      await store.write(young, at(0), [filled(700 * 1024, 2)])
      same(await store.read(young, at(0)), filled(700 * 1024, 2))
    },
  },
  {
    name: 'of a write that is cut off all is there or nothing',
    async run({ openTorn }) {
      if (!openTorn) return
      const swarm = freshSwarm()
      const chunks = Array.from({ length: 16 }, (_, i) => filled(256 * 1024, i + 1))
      const store = await openTorn(swarm, at(4), chunks)
      const held = covered(await store.runs(swarm))
      if (held.length > 0 && held.length < chunks.length) throw new Error(`${held.length} chunks of ${chunks.length}`)
      for (const chunk of held) same(await store.read(swarm, at(chunk)), chunks[chunk - 4])
      await store.write(swarm, at(4), chunks)
      for (const [i, chunk] of chunks.entries()) same(await store.read(swarm, at(4 + i)), chunk)
    },
  },
  {
    name: 'under load, what makes room for others is gone whole, and nobody reads a wrong byte',
    async run({ openSmall }) {
      if (!openSmall) return
      const store = await openSmall(1024 * 1024)
      const swarms = Array.from({ length: 3 }, freshSwarm)
      await Promise.all([0, 1, 2].map((lane) => fillAndRead(store, swarms, lane)))
      let held = 0
      for (const [i, swarm] of swarms.entries())
        for (const chunk of covered(await store.runs(swarm))) {
          same(await store.read(swarm, at(chunk)), loaded(i, chunk))
          held++
        }
      if (held === 0) throw new Error('nothing is held')
    },
  },
]

const LOADED_BYTES = 100 * 1024
const loaded = (swarm: number, chunk: number) => filled(LOADED_BYTES, 1 + 16 * swarm + chunk)

/** Writes and reads more than fits; whoever finds the store full drops what was used least recently. */
async function fillAndRead(store: ChunkStore<RunData>, swarms: readonly InfoHash[], lane: number): Promise<void> {
  for (let step = 0; step < 10; step++) {
    const i = (step + lane) % swarms.length
    const swarm = swarms[i]
    if (swarm === undefined) continue
    const first = (step * 3 + lane) % 7
    await writeMakingRoom(store, swarm, first, [loaded(i, first), loaded(i, first + 1)])
    for (const chunk of [first, first + 1]) {
      const bytes = await store.read(swarm, at(chunk))
      if (bytes) same(bytes, loaded(i, chunk)) // others may have dropped it
    }
  }
}

async function writeMakingRoom(
  store: ChunkStore<RunData>,
  swarm: InfoHash,
  first: number,
  chunks: readonly Uint8Array<ArrayBuffer>[],
): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt++) {
    try {
      return await store.write(swarm, at(first), chunks)
    } catch (error) {
      const [oldest] = await store.swarms()
      if (!(error instanceof QuotaExceeded)) throw error
      if (oldest) await store.drop(oldest)
    }
  }
  throw new Error('no room could be made')
}

/** Stores order uses by a clock of milliseconds: begins `work` only when the next millisecond has come. */
async function until(work: () => Promise<void>): Promise<void> {
  const now = Date.now()
  while (Date.now() <= now) await Promise.resolve()
  await work()
}

function covered(runs: readonly { first: number; after: number }[]): number[] {
  return runs.flatMap(({ first, after }) => Array.from({ length: after - first }, (_, i) => first + i))
}

function same(actual: unknown, expected: unknown): void {
  if (actual instanceof Uint8Array && expected instanceof Uint8Array) {
    const equal = actual.length === expected.length && actual.every((byte, i) => byte === expected[i])
    if (!equal) throw new Error(`${actual.length} bytes differ from the expected ${expected.length}`)
    return
  }
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (a !== b) throw new Error(`got ${a}, expected ${b}`)
}

async function throwsNamed(name: string, work: () => Promise<unknown>): Promise<void> {
  const error = await work().then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof Error) || error.name !== name) throw new Error(`expected ${name}, got ${String(error)}`)
}
