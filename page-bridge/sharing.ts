import { type BatteryManager, type Device, isDear, isLow } from './device.ts'
import { Kept } from './kept.ts'
import type { UploadCaps } from './upload-caps.ts'
import { UploadLedger } from './upload-ledger.ts'

/** How often it is looked at what no event tells of: a new month, another tab's uploads. */
const REVIEW_MS = 60_000

export interface SharingOptions {
  readonly consent: 'implied' | 'ask'
  readonly caps: UploadCaps
  /** Bytes per second. */
  readonly uploadLimit: number
  readonly device: Device
  readonly onChange: (allowed: boolean) => void
}

/**
 * Whether this page may upload: the worker's setting, the visitor's consent, the line, the battery and what was uploaded
 * before, together.
 */
export class Sharing {
  readonly #options: SharingOptions
  readonly #ledger: UploadLedger
  /** Where a site asks for consent, the visitor's answer. */
  readonly #answer = new Kept('localStorage', 'tributary:consent')
  /** What the worker says; it remembers the visitor's choice across visits. */
  #wanted = true
  #battery: BatteryManager | undefined
  #told: boolean | undefined

  constructor(options: SharingOptions) {
    this.#options = options
    this.#ledger = new UploadLedger(options.caps)
    options.device.connection?.addEventListener('change', () => this.#review())
    setInterval(() => this.#review(), REVIEW_MS)
    // Refused to pages in some frames: then it is as if there were none.
    this.#watchBattery().catch(() => undefined)
  }

  get allowed(): boolean {
    const { consent, uploadLimit, device } = this.#options
    const consented = consent === 'implied' || this.#answer.text === 'yes'
    const spares = isDear(device.connection) || isLow(this.#battery)
    return this.#wanted && consented && uploadLimit > 0 && !spares && !this.#ledger.isSpent
  }

  set wanted(wanted: boolean) {
    this.#wanted = wanted
    this.#review()
  }

  /** The visitor's answer. */
  decide(share: boolean): void {
    this.#answer.text = share ? 'yes' : 'no'
    this.wanted = share
  }

  /** This page has uploaded so much more. */
  uploaded(bytes: number): void {
    if (this.#ledger.add(bytes)) this.#review()
  }

  /** Writes down what was uploaded: the page may be gone at any moment. */
  save(): void {
    this.#ledger.save()
  }

  async #watchBattery(): Promise<void> {
    this.#battery = await this.#options.device.getBattery?.()
    for (const event of ['chargingchange', 'levelchange']) this.#battery?.addEventListener(event, () => this.#review())
    this.#review()
  }

  #review(): void {
    const { allowed } = this
    if (allowed === this.#told) return
    this.#told = allowed
    this.#options.onChange(allowed)
  }
}
