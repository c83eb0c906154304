import type { PageMessage } from '../protocol/bridge.ts'
import { withDeadline } from '../protocol/deadline.ts'

/** Installing takes a script fetch and a manifest fetch; longer than this it is not worth a page's while. */
const CONTROL_MS = 15_000

/** `off`: this browser or context has no workers. `failed`: it could not be registered. `bypassed`: a forced reload. */
export type Registered = 'active' | 'off' | 'failed' | 'bypassed'

/**
 * Registers the worker, has it claim the page, and waits until it controls it.
 * Never rejects: without a worker the page works as if we were not there.
 * @param worker undefined where the site has a worker of its own, which we are a guest of
 */
export async function takeControl(worker: string | undefined): Promise<Registered> {
  const container = navigator.serviceWorker
  if (!container) return 'off'
  try {
    if (worker !== undefined) {
      const registration = await container.register(worker, {
        scope: new URL('./', worker).href,
        updateViaCache: 'none',
      })
      // An active worker that does not control us, and is not about to: the visitor forced a reload past it.
      if (registration.active && !registration.installing && !registration.waiting && !container.controller)
        return (await controlled(container, 1_000)) ? 'active' : 'bypassed'
      if (!container.controller) {
        const { active } = await withDeadline(container.ready, CONTROL_MS)
        active?.postMessage({ tributary: 'claim' } satisfies PageMessage)
      }
    }
    return (await controlled(container, CONTROL_MS)) ? 'active' : 'failed'
  } catch {
    return 'failed' // blocked by policy or settings, no such script: plain HTTP it is
  }
}

async function controlled(container: ServiceWorkerContainer, deadlineMs: number): Promise<boolean> {
  const change = new Promise((resolve) => container.addEventListener('controllerchange', resolve, { once: true }))
  if (container.controller) return true
  return await withDeadline(change, deadlineMs).then(
    () => true,
    () => Boolean(container.controller),
  )
}
