import { blockCountOf } from '../protocol/geometry.ts'
import { sameHash } from '../protocol/merkle.ts'
import { BLOCK_SIZE } from '../protocol/units.ts'

/** Blocks of a chunk: from `low` to before `high`. */
export interface BlockRun {
  readonly low: number
  readonly high: number
}

/** What became of a block. `whole`: it was the last of its draft. */
export type Placed = 'refused' | 'drafted' | 'whole' | 'placed'

/** A chunk as one source sends it, which nothing proves before all of it is there. */
interface Draft {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly has: Uint8Array
  count: number
}

const MISSING = 0
/** Here, and being hashed. */
const HASHING = 1
const PROVEN = 2

/**
 * A chunk that is being collected: which blocks are here, and who is to bring the others.
 *
 * Without its leaf hashes, each source drafts a whole chunk of its own, so that a wrong hash names the guilty one. With
 * them each block is proven alone: all sources work on the same bytes.
 *
 * The blocks that a source is to bring are its own. A second one, the spare, may bring any of them too.
 */
export class Assembly<S> {
  readonly blockCount: number
  readonly #length: number
  readonly #owners: (S | undefined)[]
  /** Blocks that are missing and nobody's. */
  #free: number
  #spare: S | undefined
  readonly #drafts = new Map<S, Draft>()
  /** From here on, once there are leaves. */
  #leaves: readonly Uint8Array[] | undefined
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array()
  readonly #state: Uint8Array
  #proven = 0
  #prefix = 0

  /** @param length bytes of the chunk */
  constructor(length: number) {
    this.#length = length
    this.blockCount = blockCountOf(length)
    this.#owners = new Array<S | undefined>(this.blockCount).fill(undefined)
    this.#state = new Uint8Array(this.blockCount)
    this.#free = this.blockCount
  }

  get hasLeaves(): boolean {
    return this.#leaves !== undefined
  }

  get leaves(): readonly Uint8Array[] | undefined {
    return this.#leaves
  }

  /** Whether there is work that nobody does. */
  get isOpen(): boolean {
    return this.#free > 0
  }

  get spare(): S | undefined {
    return this.#spare
  }

  get isWhole(): boolean {
    return this.#proven === this.blockCount
  }

  /** Proven bytes from the start of the chunk on. */
  get prefix(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#prefix * BLOCK_SIZE)
  }

  /** All bytes; good when it is whole. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes
  }

  /** All bytes as one source sent them. */
  draftOf(source: S): Uint8Array<ArrayBuffer> | undefined {
    return this.#drafts.get(source)?.bytes
  }

  /** Whether `source` is to bring this block, and has not. */
  lacks(source: S, block: number): boolean {
    if (this.#owners[block] !== source && this.#spare !== source) return false
    return this.#leaves ? this.#state[block] === MISSING : this.#drafts.get(source)?.has[block] !== 1
  }

  /** Whether a source owns anything that it has not brought. */
  owes(source: S): boolean {
    return this.#owners.some((owner, block) => owner === source && this.lacks(source, block))
  }

  /** Blocks that `source` owns and has not brought. */
  owedBy(source: S): number {
    let count = 0
    for (let block = 0; block < this.blockCount; block++)
      if (this.#owners[block] === source && this.lacks(source, block)) count++
    return count
  }

  /** Blocks that are missing here. */
  get missing(): number {
    return this.#leaves ? this.#state.reduce((count, state) => count + (state === MISSING ? 1 : 0), 0) : this.blockCount
  }

  /** Gives a source the first run of blocks that nobody is to bring. */
  claim(source: S): BlockRun {
    const isFree = (block: number) => this.#state[block] === MISSING && this.#owners[block] === undefined
    let low = 0
    while (low < this.blockCount && !isFree(low)) low++
    let high = low
    while (high < this.blockCount && isFree(high)) this.#owners[high++] = source
    this.#free -= high - low
    this.#openDraft(source)
    return { low, high }
  }

  /** Lets a second source bring what others are to bring. */
  double(source: S): BlockRun {
    this.#spare = source
    this.#openDraft(source)
    return { low: 0, high: this.blockCount }
  }

  /** Gives the last `count` blocks that `from` owes to another source. Needs leaves. @returns them */
  handOver(from: S, to: S, count: number): number[] {
    const moved: number[] = []
    for (let block = this.blockCount - 1; block >= 0 && moved.length < count; block--) {
      if (this.#owners[block] !== from || !this.lacks(from, block)) continue
      this.#owners[block] = to
      moved.push(block)
    }
    return moved.reverse()
  }

  /** Takes a source's work away; its unproven draft is lost, what it owed is the spare's or anybody's. */
  release(source: S): void {
    this.#drafts.delete(source)
    if (this.#spare === source) this.#spare = undefined
    const heir = this.#spare
    for (let block = 0; block < this.blockCount; block++) {
      if (this.#owners[block] !== source || this.#state[block] !== MISSING) continue
      this.#owners[block] = heir
      if (heir === undefined) this.#free++
      this.#spare = undefined // an owner now
    }
  }

  put(source: S, block: number, bytes: Uint8Array): Placed {
    if (!this.lacks(source, block)) return 'refused'
    if (this.#leaves) {
      this.#bytes.set(bytes, block * BLOCK_SIZE)
      this.#state[block] = HASHING
      this.#owners[block] = source
      return 'placed'
    }
    const draft = this.#drafts.get(source)
    if (draft === undefined) return 'refused'
    draft.bytes.set(bytes, block * BLOCK_SIZE)
    draft.has[block] = 1
    return ++draft.count === this.blockCount ? 'whole' : 'drafted'
  }

  /** From here on blocks are proven one by one. @returns those that are here: to be hashed, as if they came now */
  prove(leaves: readonly Uint8Array[]): { readonly block: number; readonly source: S }[] {
    this.#leaves = leaves
    const here: { block: number; source: S }[] = []
    for (const [source, { bytes, has }] of this.#drafts) {
      if (this.#bytes.length === 0) this.#bytes = bytes
      for (let block = 0; block < this.blockCount; block++) {
        if (has[block] !== 1 || this.#state[block] !== MISSING) continue
        if (this.#bytes !== bytes) this.#bytes.set(this.#view(bytes, block), block * BLOCK_SIZE)
        this.#state[block] = HASHING
        this.#owners[block] = source
        here.push({ block, source })
      }
    }
    this.#drafts.clear()
    if (this.#bytes.length === 0) this.#bytes = new Uint8Array(this.#length)
    return here
  }

  /** Bytes of a block, as a view. */
  blockBytes(block: number): Uint8Array<ArrayBuffer> {
    return this.#view(this.#bytes, block)
  }

  /** What a block's hash turned out to be. @returns whether it is the right one; a wrong block is missing again */
  settle(block: number, hash: Uint8Array): boolean {
    const leaf = this.#leaves?.[block]
    if (leaf !== undefined && sameHash(leaf, hash)) {
      this.#state[block] = PROVEN
      this.#proven++
      while (this.#state[this.#prefix] === PROVEN) this.#prefix++
      return true
    }
    this.#state[block] = MISSING
    this.#owners[block] = this.#spare
    if (this.#spare === undefined) this.#free++
    return false
  }

  #openDraft(source: S): void {
    if (this.#leaves || this.#drafts.has(source)) return
    this.#drafts.set(source, {
      bytes: new Uint8Array(this.#length),
      has: new Uint8Array(this.blockCount),
      count: 0,
    })
  }

  #view(bytes: Uint8Array<ArrayBuffer>, block: number): Uint8Array<ArrayBuffer> {
    return bytes.subarray(block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE)
  }
}
