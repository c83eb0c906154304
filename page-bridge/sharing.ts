/** Where a site asks for consent, the visitor's answer is kept under this name. */
const CONSENT = 'tributary:consent'

/** Part of the Network Information API that Chromium has. */
interface NetworkInformation extends EventTarget {
  readonly saveData?: boolean
  readonly type?: string
}

function connection(): NetworkInformation | undefined {
  return (navigator as Navigator & { readonly connection?: NetworkInformation }).connection
}

/** Whether this page may upload: the worker's setting, the visitor's consent and the kind of network together. */
export class Sharing {
  /** What the worker says; it remembers the visitor's choice across visits. */
  #wanted = true
  #consented: boolean
  readonly #onChange: (allowed: boolean) => void

  constructor(consent: 'implied' | 'ask', onChange: (allowed: boolean) => void) {
    this.#consented = consent === 'implied' || remembered()
    this.#onChange = onChange
    connection()?.addEventListener('change', () => this.#onChange(this.allowed))
  }

  get allowed(): boolean {
    const network = connection()
    return this.#wanted && this.#consented && network?.saveData !== true && network?.type !== 'cellular'
  }

  set wanted(wanted: boolean) {
    this.#wanted = wanted
    this.#onChange(this.allowed)
  }

  /** The visitor's answer. */
  decide(share: boolean): void {
    this.#consented = share
    try {
      localStorage.setItem(CONSENT, share ? 'yes' : 'no')
    } catch {} // no storage: the answer holds for this page
    this.wanted = share
  }
}

function remembered(): boolean {
  try {
    return localStorage.getItem(CONSENT) === 'yes'
  } catch {
    return false
  }
}
