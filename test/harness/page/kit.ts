import { Player } from './player.ts'
import { request } from './request.ts'
import { storedChunks } from './stored.ts'

// What the tests do inside a page. Bundled for the browser and served to test pages as /kit.js.

const kit = {
  player: new Player(),
  request,
  storedChunks,
  click,
}

/** Clicks a link as a visitor would. @param attributes of the `<a>` besides `href` */
function click(href: string, attributes: Readonly<Record<string, string>> = {}): void {
  const link = document.createElement('a')
  link.href = href
  for (const [name, value] of Object.entries(attributes)) link.setAttribute(name, value)
  link.textContent = href
  document.body.append(link)
  link.click()
}

export type Kit = typeof kit

declare global {
  interface Window {
    kit: Kit
  }
}

window.kit = kit
