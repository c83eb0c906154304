// Stand-ins for the globals of Node that simple-peer and its streams expect. esbuild injects them where they are used.
export { Buffer } from 'buffer'

/** Ticks are microtasks here: a timer would be throttled in hidden tabs, and every write to a stream waits for one. */
export const process = {
  env: {},
  browser: true,
  version: '',
  nextTick(run: (...args: unknown[]) => void, ...args: unknown[]): void {
    queueMicrotask(() => run(...args))
  },
}
