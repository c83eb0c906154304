import type { Tributary } from './tributary.ts'

/** What `tributary-monitor.js` exports. */
export interface MonitorModule {
  /** Draws into `host` until the returned function is called. */
  mount(host: HTMLElement, tributary: Tributary): () => void
}

/** Defines `<tributary-monitor>`; what it draws is loaded when a page has one. */
export function defineMonitor(tributary: Tributary, scripts: string): void {
  if (customElements.get('tributary-monitor')) return
  const load = () => import(new URL('tributary-monitor.js', scripts).href) as Promise<MonitorModule>
  customElements.define(
    'tributary-monitor',
    class extends HTMLElement {
      #unmount: (() => void) | undefined

      async connectedCallback(): Promise<void> {
        const { mount } = await load()
        if (this.isConnected) this.#unmount ??= mount(this, tributary)
      }

      disconnectedCallback(): void {
        this.#unmount?.()
        this.#unmount = undefined
      }
    },
  )
}
