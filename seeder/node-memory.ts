import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import type { Identity } from '../mesh/overlay/identity.ts'
import type { AddressBook } from '../mesh/platform.ts'
import { identityOf } from './node-identity.ts'

interface Kept {
  readonly key: string
  readonly peers: readonly string[]
}

/** What a client keeps from one start to the next: who it is, and peers that it can go to. */
export interface NodeMemory {
  readonly identity: Identity
  readonly addresses: AddressBook
}

/** @param path undefined: nothing is kept */
export async function nodeMemory(path: string | undefined): Promise<NodeMemory> {
  const saved = path === undefined ? undefined : await read(path)
  const privateKey = saved ? createPrivateKey(saved.key) : generateKeyPairSync('ed25519').privateKey
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const save = async (peers: readonly string[]) => {
    const kept: Kept = { key, peers }
    if (path !== undefined) await writeFile(path, JSON.stringify(kept), { mode: 0o600 })
  }
  if (saved === undefined) await save([])
  return {
    identity: identityOf(privateKey),
    addresses: {
      load: async () => saved?.peers ?? [],
      save: (peers) => void save(peers).catch(() => undefined), // a full disk costs the next start some time
    },
  }
}

/** Undefined when there is no such file, or something else in it. */
async function read(path: string): Promise<Kept | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  const value: unknown = text === undefined ? undefined : JSON.parse(text)
  return isKept(value) ? value : undefined
}

function isKept(value: unknown): value is Kept {
  if (typeof value !== 'object' || value === null || !('key' in value && 'peers' in value)) return false
  const { key, peers } = value
  return typeof key === 'string' && Array.isArray(peers) && peers.every((url) => typeof url === 'string')
}
