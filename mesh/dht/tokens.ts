import type { Core } from './core.ts'
import { type Id, idBytes, joined } from './id.ts'
import { TOKEN_BYTES } from './messages.ts'

/** A token is good for one to two of these. */
const SECRET_LIFE_MS = 10 * 60_000
const SECRET_BYTES = 16

/** Write tokens (BEP 5): to store something here, a provider has to have asked here shortly before. */
export class Tokens {
  readonly #core: Core
  #secret: Uint8Array
  #before: Uint8Array
  #sinceMs: number

  constructor(core: Core) {
    this.#core = core
    this.#secret = core.options.randomBytes(SECRET_BYTES)
    this.#before = this.#secret
    this.#sinceMs = core.nowMs
  }

  make(key: Id, provider: Id): Uint8Array {
    this.#rotate()
    return this.#token(this.#secret, key, provider)
  }

  isGood(token: Uint8Array, key: Id, provider: Id): boolean {
    this.#rotate()
    return [this.#secret, this.#before].some((secret) => same(token, this.#token(secret, key, provider)))
  }

  #rotate(): void {
    const ageMs = this.#core.nowMs - this.#sinceMs
    if (ageMs < SECRET_LIFE_MS) return
    const fresh = this.#core.options.randomBytes(SECRET_BYTES)
    this.#before = ageMs < 2 * SECRET_LIFE_MS ? this.#secret : fresh
    this.#secret = fresh
    this.#sinceMs = this.#core.nowMs
  }

  #token(secret: Uint8Array, key: Id, provider: Id): Uint8Array {
    return this.#core.options.sha256(joined([secret, idBytes(key), idBytes(provider)])).subarray(0, TOKEN_BYTES)
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
