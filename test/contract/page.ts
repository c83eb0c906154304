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
}

/** A store that holds about `capacity` bytes, where the browser can be told so. */
async function openSmall(capacity: number) {
  await window.limitStorage?.(capacity)
  const store = await openMergingIndexedDb()
  const drop = store.drop.bind(store)
  store.drop = async (swarm) => {
    await drop(swarm)
    // A Blob that was read keeps its file, and so its room, until some time after it is collected.
    await window.collectGarbage?.()
    while (((await navigator.storage.estimate()).usage ?? 0) > capacity / 4) await rest()
  }
  return store
}

const rest = () => new Promise((resolve) => setTimeout(resolve, 50))

window.runCase = async (name) => {
  const merging = mergingStoreContract.find((one) => one.name === name)
  if (merging) return await merging.run({ open: openMergingIndexedDb })
  const found = chunkStoreContract.find((one) => one.name === name)
  if (!found) throw new Error(`no case is called ${name}`)
  await found.run(window.limitStorage ? { ...setup, openSmall } : setup)
}
