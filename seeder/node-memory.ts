import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
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

/** Of somebody new, who keeps nothing. */
export function freshMemory(): NodeMemory {
  return { identity: identityOf(newKey()), addresses: { load: async () => [], save: () => undefined } }
}

/** @param path of the file that only this user can read @throws when it cannot be written */
export async function nodeMemory(path: string): Promise<NodeMemory> {
  const saved = await read(path)
  const privateKey = saved?.privateKey ?? newKey()
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const save = async (peers: readonly string[]) => {
    const kept: Kept = { key, peers }
    await writeFile(path, JSON.stringify(kept), { mode: 0o600 })
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

/** Undefined when there is no such file, or something else in it: half of it, after a crash. */
async function read(path: string): Promise<{ privateKey: KeyObject; peers: readonly string[] } | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    return isKept(value) ? { privateKey: createPrivateKey(value.key), peers: value.peers } : undefined
  } catch {
    return undefined
  }
}

function newKey(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey
}

function isKept(value: unknown): value is Kept {
  if (typeof value !== 'object' || value === null || !('key' in value && 'peers' in value)) return false
  const { key, peers } = value
  return typeof key === 'string' && Array.isArray(peers) && peers.every((url) => typeof url === 'string')
}
