/** Name of the lock that the tab which hosts the mesh holds. */
const LOCK = 'tributary-mesh-host'

/**
 * Makes this tab the leader when no other is, or when the leading tab is gone: its lock frees with it.
 * Where there are no locks, each tab leads.
 */
export class Leadership {
  #leads = false
  #resign: (() => void) | undefined
  readonly #onLead: () => void

  constructor(onLead: () => void) {
    this.#onLead = onLead
    this.#apply()
    // A page that rests in the back/forward cache runs no code: another tab must lead.
    addEventListener('pagehide', () => this.#resign?.())
    addEventListener('pageshow', (event) => event.persisted && this.#apply())
  }

  get leads(): boolean {
    return this.#leads
  }

  #apply(): void {
    const { locks } = navigator
    if (!locks) {
      this.#begin()
      return
    }
    const abort = new AbortController()
    this.#resign = () => abort.abort()
    const held = async () => {
      this.#begin()
      await new Promise<void>((resolve) => {
        this.#resign = () => {
          this.#leads = false
          resolve()
        }
      })
    }
    // A refused lock (an opaque origin, an aborted wait) leaves the lead to others.
    locks.request(LOCK, { signal: abort.signal }, held).catch(() => undefined)
  }

  #begin(): void {
    this.#leads = true
    this.#onLead()
  }
}
