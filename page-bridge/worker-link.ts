import { type Remote, wrap } from 'comlink'
import type { PageMessage, WorkerControl } from '../protocol/bridge.ts'
import { withDeadline } from '../protocol/deadline.ts'

const CALL_MS = 2_000

/** The page's line to the worker that controls it. The worker may be killed and started anew at any time. */
export class WorkerLink {
  #control: Remote<WorkerControl> | undefined
  #port: MessagePort | undefined

  constructor() {
    navigator.serviceWorker?.addEventListener('controllerchange', () => this.#hangUp())
  }

  get isControlled(): boolean {
    return Boolean(navigator.serviceWorker?.controller)
  }

  /** @returns whether there was a worker to post to */
  post(message: PageMessage, transfer: Transferable[] = []): boolean {
    const worker = navigator.serviceWorker?.controller
    worker?.postMessage(message, transfer)
    return Boolean(worker)
  }

  /**
   * Calls the worker; once more on a new line when it does not answer, as a killed worker leaves the old line dead.
   * @throws DeadlineMissed when there is no worker, or none that answers
   */
  async call<T>(work: (control: Remote<WorkerControl>) => Promise<T>, deadlineMs = CALL_MS): Promise<T> {
    const isFresh = this.#control === undefined
    try {
      return await withDeadline(work(this.#open()), deadlineMs, 'answer from the worker')
    } catch (error) {
      this.#hangUp()
      if (isFresh) throw error
      return await withDeadline(work(this.#open()), deadlineMs, 'answer from the worker')
    }
  }

  #open(): Remote<WorkerControl> {
    if (this.#control === undefined) {
      const { port1, port2 } = new MessageChannel()
      this.post({ tributary: 'control', port: port2 }, [port2])
      this.#port = port1
      this.#control = wrap<WorkerControl>(port1)
    }
    return this.#control
  }

  #hangUp(): void {
    this.#port?.close()
    this.#port = undefined
    this.#control = undefined
  }
}
