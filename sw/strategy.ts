import { TributaryWorker } from './worker.ts'

/** What workbox-routing hands to a strategy. */
interface StrategyOptions {
  readonly request: Request
  readonly event: ExtendableEvent
}

/**
 * Tributary as a guest in a site's own Workbox worker:
 * `registerRoute(({ url }) => url.pathname.startsWith('/videos/'), new TributaryStrategy())`.
 * Create it while the worker's script is first evaluated.
 */
export class TributaryStrategy {
  readonly #worker = new TributaryWorker()

  constructor() {
    this.#worker.listenAsGuest()
  }

  /** Answers from chunks, or with the origin's own answer. Rejects only when the origin cannot be reached. */
  handle = async ({ request, event }: StrategyOptions): Promise<Response> => {
    return await (this.#worker.handle(request, event) ?? fetch(request))
  }
}
