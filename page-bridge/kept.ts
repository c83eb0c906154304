/** A text that outlives the page; where the browser keeps nothing, it lasts as long as the page. */
export class Kept {
  readonly #area: 'localStorage' | 'sessionStorage'
  readonly #name: string
  /** What could not be kept. */
  #own: string | undefined

  constructor(area: 'localStorage' | 'sessionStorage', name: string) {
    this.#area = area
    this.#name = name
  }

  /** Looked up each time, as other tabs may change it. */
  get text(): string | undefined {
    try {
      return this.#own ?? globalThis[this.#area].getItem(this.#name) ?? undefined
    } catch {
      return undefined
    }
  }

  set text(text: string) {
    try {
      globalThis[this.#area].setItem(this.#name, text)
      this.#own = undefined
    } catch {
      this.#own = text // blocked, or full
    }
  }
}
