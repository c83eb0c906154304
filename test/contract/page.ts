import type { ChunkIndex, InfoHash } from '../../protocol/units.ts'
import { chunkStoreContract, mergingStoreContract } from '../../store/chunk-store.contract.ts'
import { openMergingIndexedDb } from '../../store/indexeddb-merge.ts'

// The page side of the contract test: runs one case of the shared contract on this browser's IndexedDB.

declare global {
  interface Window {
    /** Where the test can limit the page's storage. */
    limitStorage?: (bytes: number) => Promise<void>
    collectGarbage?: () => Promise<void>
    runCase(name: string): Promise<void>
  }
}

const setup = {
  open: openMergingIndexedDb,
  openTorn,
}

interface Write {
  readonly swarm: InfoHash
  readonly first: ChunkIndex
  readonly chunks: readonly Uint8Array<ArrayBuffer>[]
}

/** How long a page has to write before it is gone: mostly too short. */
const LIVES_MS = [0, 1, 3, 6, 10, 20]

/** A page in a frame writes, and is taken away meanwhile. */
async function openTorn(swarm: Write['swarm'], first: Write['first'], chunks: Write['chunks']) {
  for (const lifeMs of LIVES_MS) {
    const frame = document.createElement('iframe')
    frame.src = location.pathname
    const loaded = new Promise((resolve) => frame.addEventListener('load', resolve))
    document.body.append(frame)
    await loaded
    const begun = new Promise((resolve) => addEventListener('message', resolve, { once: true }))
    frame.contentWindow?.postMessage({ swarm, first, chunks } satisfies Write)
    await begun
    await new Promise((resolve) => setTimeout(resolve, lifeMs))
    frame.remove()
  }
  return await openMergingIndexedDb()
}

if (window.parent !== window)
  addEventListener('message', async ({ data: { swarm, first, chunks } }: MessageEvent<Write>) => {
    const store = await openMergingIndexedDb()
    void store.write(swarm, first, chunks)
    window.parent.postMessage('begun')
  })

/** A store that holds about `capacity` bytes, where the browser can be told so. */
async function openSmall(capacity: number) {
  await window.limitStorage?.(capacity)
  const store = await openMergingIndexedDb()
  const drop = store.drop.bind(store)
  store.drop = async (swarm) => {
    const before = await usage()
    await drop(swarm)
    // A Blob that was read keeps its file, and so its room, until some time after it is collected.
    await window.collectGarbage?.()
    const enough = Math.max(capacity / 4, 0.75 * before)
    for (let waits = 0; waits < MOST_WAITS && (await usage()) > enough; waits++) await rest()
  }
  return store
}

/** Others may fill what one drops. */
const MOST_WAITS = 40
const usage = async () => (await navigator.storage.estimate()).usage ?? 0
const rest = () => new Promise((resolve) => setTimeout(resolve, 50))

window.runCase = async (name) => {
  const merging = mergingStoreContract.find((one) => one.name === name)
  if (merging) return await merging.run({ open: openMergingIndexedDb })
  const found = chunkStoreContract.find((one) => one.name === name)
  if (!found) throw new Error(`no case is called ${name}`)
  await found.run(window.limitStorage ? { ...setup, openSmall } : setup)
}
