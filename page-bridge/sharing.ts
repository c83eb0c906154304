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
  readonly #consent: 'implied' | 'ask'
  /** Where nothing can be stored, the answer holds for this page. */
  #answer = false
  readonly #onChange: (allowed: boolean) => void

  constructor(consent: 'implied' | 'ask', onChange: (allowed: boolean) => void) {
    this.#consent = consent
    this.#onChange = onChange
    connection()?.addEventListener('change', () => this.#onChange(this.allowed))
  }

  get allowed(): boolean {
    const network = connection()
    // Another tab may have been given the answer: it is looked up each time.
    const consented = this.#consent === 'implied' || this.#answer || remembered()
    return this.#wanted && consented && network?.saveData !== true && network?.type !== 'cellular'
  }

  set wanted(wanted: boolean) {
    this.#wanted = wanted
    this.#onChange(this.allowed)
  }

  /** The visitor's answer. */
  decide(share: boolean): void {
    this.#answer = share
    try {
      localStorage.setItem(CONSENT, share ? 'yes' : 'no')
    } catch {} // no storage
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
