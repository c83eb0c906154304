import { DeadlineMissed } from './errors.ts'

/**
 * Settles as `work` does, or rejects with DeadlineMissed after `deadlineMs`.
 * The work itself goes on: hand it a signal where it can be stopped.
 */
export async function withDeadline<T>(work: PromiseLike<T>, deadlineMs: number, what = 'answer'): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineMissed(`no ${what} within ${deadlineMs} ms`)), deadlineMs)
  })
  try {
    return await Promise.race([work, deadline])
  } finally {
    clearTimeout(timer)
  }
}
