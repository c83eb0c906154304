import { parentPort } from 'node:worker_threads'
import { hashChunks } from './chunk-hasher.ts'
import type { HashAnswer, HashQuestion } from './hash-pool.ts'

const port = parentPort
port?.on('message', ({ id, job }: HashQuestion) => {
  let answer: HashAnswer
  try {
    answer = { id, hashes: hashChunks(job) }
  } catch (error) {
    answer = { id, error: describe(error) }
  }
  port.postMessage(answer)
})

function describe(error: unknown): { name: string; message: string; code?: string } {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) }
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
  return { name: error.name, message: error.message, ...code }
}
