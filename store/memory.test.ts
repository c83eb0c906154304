import { test } from 'node:test'
import { chunkStoreContract, mergingStoreContract } from './chunk-store.contract.ts'
import { openMemoryStore } from './memory.ts'

for (const { name, run } of chunkStoreContract) {
  test(`memory: ${name}`, async () => {
    const shared = openMemoryStore()
    await run({ open: async () => shared, openSmall: async (capacity) => openMemoryStore(capacity) })
  })
}

for (const { name, run } of mergingStoreContract)
  test(`memory: ${name}`, async () => {
    const shared = openMemoryStore()
    await run({ open: async () => shared })
  })
