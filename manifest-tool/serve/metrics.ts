import { Counter, Gauge, Registry } from 'prom-client'

/** What a response was about. */
export type PathClass = 'file' | 'page' | 'manifest' | 'script' | 'other'

/** Distinct `path` labels; what comes later is counted under `(more)`, so that metrics stay bounded. */
const MAX_PATHS = 10_000

/** What the origin has sent. */
export class OriginMetrics {
  readonly registry = new Registry()
  readonly #bytesByPath = new Map<string, number>()
  readonly #requestsByPath = new Map<string, number>()
  readonly #bytes = new Counter({
    name: 'tributary_origin_bytes_total',
    help: 'Body bytes written to sockets, by path of the file; parts of aborted responses count as far as written',
    labelNames: ['path', 'class'],
    registers: [this.registry],
  })
  readonly #requests = new Counter({
    name: 'tributary_origin_requests_total',
    help: 'Finished or aborted requests',
    labelNames: ['class', 'status'],
    registers: [this.registry],
  })

  /** Adds a gauge whose value is read when the metrics are asked for. */
  gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(read())
      },
    })
  }

  addBytes(path: string, pathClass: PathClass, bytes: number): void {
    const label = this.#bytesByPath.has(path) || this.#bytesByPath.size < MAX_PATHS ? path : '(more)'
    this.#bytesByPath.set(label, this.bytesOf(label) + bytes)
    this.#bytes.inc({ path: label, class: pathClass }, bytes)
  }

  addRequest(path: string, pathClass: PathClass, status: number): void {
    if (this.#requestsByPath.has(path) || this.#requestsByPath.size < MAX_PATHS)
      this.#requestsByPath.set(path, this.requestsOf(path) + 1)
    this.#requests.inc({ class: pathClass, status: String(status) })
  }

  /** Body bytes sent of a path such as `/videos/a.mp4`, decoded. */
  bytesOf(path: string): number {
    return this.#bytesByPath.get(path) ?? 0
  }

  requestsOf(path: string): number {
    return this.#requestsByPath.get(path) ?? 0
  }

  /** Body bytes sent in all. */
  get totalBytes(): number {
    let total = 0
    for (const bytes of this.#bytesByPath.values()) total += bytes
    return total
  }
}
