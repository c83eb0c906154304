import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { type ChunkHashes, FileShrank, type HashJob } from './chunk-hasher.ts'

/** What a pool asks its workers. */
export interface HashQuestion {
  readonly id: number
  readonly job: HashJob
}

/** Errors do not keep their class on the way between threads. */
export type HashAnswer =
  | { readonly id: number; readonly hashes: ChunkHashes }
  | { readonly id: number; readonly error: { readonly name: string; readonly message: string; readonly code?: string } }

interface Waiting {
  readonly question: HashQuestion
  readonly resolve: (hashes: ChunkHashes) => void
  readonly reject: (error: unknown) => void
}

/** Threads that hash chunks. They are started when there is work for them, and end with `close`. */
export class HashPool {
  readonly size: number
  readonly #queue: Waiting[] = []
  readonly #idle: Worker[] = []
  readonly #busy = new Map<Worker, Waiting>()
  #nextId = 0
  #closed = false

  constructor(size = availableParallelism()) {
    this.size = size
  }

  /** @throws what `hashChunks` throws */
  hash(job: HashJob): Promise<ChunkHashes> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ question: { id: this.#nextId++, job }, resolve, reject })
      this.#assign()
    })
  }

  /** Ends the threads; work that is not done rejects. */
  async close(): Promise<void> {
    this.#closed = true
    const workers = [...this.#idle, ...this.#busy.keys()]
    for (const waiting of [...this.#queue, ...this.#busy.values()]) waiting.reject(new Error('hashing was stopped'))
    this.#queue.length = 0
    this.#busy.clear()
    this.#idle.length = 0
    await Promise.all(workers.map((worker) => worker.terminate()))
  }

  #assign(): void {
    while (!this.#closed && this.#queue.length > 0) {
      const worker = this.#idle.pop() ?? (this.#busy.size < this.size ? this.#start() : undefined)
      const waiting = worker && this.#queue.shift()
      if (!worker || !waiting) return
      this.#busy.set(worker, waiting)
      worker.postMessage(waiting.question)
    }
  }

  #start(): Worker {
    const name = import.meta.url.endsWith('.ts') ? 'hash-worker.dev.mjs' : 'hash-worker.js'
    const worker = new Worker(new URL(name, import.meta.url))
    worker.on('message', (answer: HashAnswer) => this.#finish(worker, answer))
    worker.on('error', (error) => this.#lose(worker, error))
    return worker
  }

  #finish(worker: Worker, answer: HashAnswer): void {
    const waiting = this.#busy.get(worker)
    if (!waiting) return
    this.#busy.delete(worker)
    this.#idle.push(worker)
    if ('hashes' in answer) waiting.resolve(answer.hashes)
    else waiting.reject(rebuilt(answer.error))
    this.#assign()
  }

  #lose(worker: Worker, error: unknown): void {
    const waiting = this.#busy.get(worker)
    this.#busy.delete(worker)
    waiting?.reject(error)
    this.#assign()
  }
}

function rebuilt(error: { name: string; message: string; code?: string }): Error {
  if (error.name === 'FileShrank') return new FileShrank(error.message)
  return Object.assign(new Error(error.message), error.code === undefined ? {} : { code: error.code })
}
