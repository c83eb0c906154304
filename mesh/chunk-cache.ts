/** The chunks read last, bounded by their bytes. Joins reads of the same chunk; forgets those that failed. */
export class ChunkCache {
  readonly #capacity: number
  readonly #entries = new Map<string, { readonly bytes: Promise<Uint8Array<ArrayBuffer> | undefined>; size: number }>()
  #size = 0

  /** @param capacity bytes */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  read(
    key: string,
    load: () => Promise<Uint8Array<ArrayBuffer> | undefined>,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const known = this.#entries.get(key)
    if (known) {
      // Map order is the order of use.
      this.#entries.delete(key)
      this.#entries.set(key, known)
      return known.bytes
    }
    const entry = { bytes: load(), size: 0 }
    this.#entries.set(key, entry)
    entry.bytes.then(
      (bytes) => this.#loaded(key, entry, bytes),
      () => this.#forget(key, entry),
    )
    return entry.bytes
  }

  clear(): void {
    this.#entries.clear()
    this.#size = 0
  }

  #loaded(key: string, entry: { size: number }, bytes: Uint8Array<ArrayBuffer> | undefined): void {
    if (bytes === undefined) {
      this.#forget(key, entry)
      return
    }
    if (this.#entries.get(key) !== entry) return
    entry.size = bytes.length
    this.#size += bytes.length
    for (const [oldKey, old] of this.#entries) {
      if (this.#size <= this.#capacity) break
      this.#forget(oldKey, old)
    }
  }

  #forget(key: string, entry: { size: number }): void {
    if (this.#entries.get(key) !== entry) return
    this.#entries.delete(key)
    this.#size -= entry.size
  }
}
