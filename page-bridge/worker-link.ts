import { type Remote, wrap } from 'comlink'
import type { PageMessage, WorkerControl } from '../protocol/bridge.ts'
import { withDeadline } from '../protocol/deadline.ts'

const CALL_MS = 2_000

/** The page's line to the worker that controls it. The worker may be killed and started anew at any time. */
export class WorkerLink {
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
   * Calls the worker, on a line of its own: a killed worker leaves lines dead without a sign, and a new message starts it.
   * @throws DeadlineMissed when there is no worker, or none that answers
   */
  async call<T>(work: (control: Remote<WorkerControl>) => Promise<T>, deadlineMs = CALL_MS): Promise<T> {
    const { port1, port2 } = new MessageChannel()
    this.post({ tributary: 'control', port: port2 }, [port2])
    try {
      return await withDeadline(work(wrap<WorkerControl>(port1)), deadlineMs, 'answer from the worker')
    } finally {
      port1.close()
    }
  }
}
