import { CHUNK_SOURCES, type FileChunks } from '../protocol/delivery.ts'
import { style } from './monitor-style.ts'
import type { Stats, Tributary } from './tributary.ts'

/** Most cells of a map; a file with more chunks shows several in one cell. */
const MAX_CELLS = 2_000
/** Pixels on a side, with the gap. */
const CELL = 7
const GAP = 1

const template = `<style>${style}</style>
<section aria-label="Where the bytes come from">
  <p class="savings"><output id="savings">0 %</output> <span>not taken from the origin</span></p>
  <dl>
    <div class="cache"><dt>Cache</dt><dd id="cache">0 B</dd></div>
    <div class="peers"><dt>Visitors</dt><dd id="peers">0 B</dd></div>
    <div class="origin"><dt>Origin</dt><dd id="origin">0 B</dd></div>
    <div><dt>Given</dt><dd id="uploaded">0 B</dd></div>
    <div><dt>Connected</dt><dd id="connected">0</dd></div>
  </dl>
  <div id="files"></div>
</section>`

/** Draws counters and chunk maps into `host` until the returned function is called. */
export function mount(host: HTMLElement, tributary: Tributary): () => void {
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' })
  root.innerHTML = template
  const maps = new Map<string, ChunkMap>()
  const draw = (stats: Stats) => {
    drawCounters(root, stats)
    drawMaps(root, stats.chunks, maps)
  }
  const onStats = (event: CustomEvent<Stats>) => draw(event.detail)
  tributary.addEventListener('stats', onStats)
  // Without a worker the counters stay at zero, which is the truth.
  tributary.ready.then(() => tributary.stats()).then(draw, () => undefined)
  return () => tributary.removeEventListener('stats', onStats as EventListener)
}

function drawCounters(root: ShadowRoot, { bytes, peers }: Stats): void {
  const total = bytes.cache + bytes.peers + bytes.origin
  const saved = total === 0 ? 0 : (bytes.cache + bytes.peers) / total
  const texts: Record<string, string> = {
    savings: `${Math.round(saved * 100)} %`,
    cache: sizeText(bytes.cache),
    peers: sizeText(bytes.peers),
    origin: sizeText(bytes.origin),
    uploaded: sizeText(bytes.uploaded),
    connected: String(peers),
  }
  for (const [id, text] of Object.entries(texts)) {
    const element = root.getElementById(id)
    if (element && element.textContent !== text) element.textContent = text
  }
}

function drawMaps(root: ShadowRoot, files: readonly FileChunks[], maps: Map<string, ChunkMap>): void {
  for (const file of files) {
    let map = maps.get(file.path)
    if (map === undefined) {
      map = new ChunkMap(file.path)
      maps.set(file.path, map)
      root.getElementById('files')?.append(map.figure)
    }
    map.draw(file.sources)
  }
}

/** The chunks of one file as coloured cells. */
class ChunkMap {
  readonly figure = document.createElement('figure')
  readonly #canvas = document.createElement('canvas')
  readonly #caption = document.createElement('figcaption')
  readonly #path: string

  constructor(path: string) {
    this.#path = path
    this.#canvas.setAttribute('role', 'img')
    this.figure.append(this.#caption, this.#canvas)
  }

  draw(sources: Uint8Array): void {
    const perCell = Math.max(1, Math.ceil(sources.length / MAX_CELLS))
    const cells = Math.ceil(sources.length / perCell)
    const columns = Math.max(1, Math.floor((this.figure.clientWidth || 320) / CELL))
    const scale = devicePixelRatio || 1
    const width = columns * CELL
    const height = Math.ceil(cells / columns) * CELL
    this.#canvas.width = width * scale
    this.#canvas.height = height * scale
    this.#canvas.style.width = `${width}px`
    this.#canvas.style.height = `${height}px`
    const context = this.#canvas.getContext('2d')
    if (context) {
      context.scale(scale, scale)
      const colours = colourList(this.figure)
      for (let cell = 0; cell < cells; cell++) {
        context.fillStyle = colours[cellSource(sources, cell * perCell, perCell)] ?? ''
        context.fillRect((cell % columns) * CELL, Math.floor(cell / columns) * CELL, CELL - GAP, CELL - GAP)
      }
    }
    this.#describe(sources)
  }

  #describe(sources: Uint8Array): void {
    const held = sources.reduce((count, source) => count + (source === 0 ? 0 : 1), 0)
    const text = `${this.#path}: ${held} of ${sources.length} chunks`
    this.#caption.textContent = text
    this.#canvas.setAttribute('aria-label', text)
  }
}

/** One cell of several chunks shows the source that is rarest to be had: any hole, else the origin, peers, cache. */
function cellSource(sources: Uint8Array, first: number, count: number): number {
  const seen = new Set(sources.subarray(first, first + count))
  return [0, 3, 2, 1].find((source) => seen.has(source)) ?? 0
}

function colourList(element: Element): string[] {
  const computed = getComputedStyle(element)
  return CHUNK_SOURCES.map((source) => computed.getPropertyValue(`--tributary-${source}`).trim())
}

/** Bytes for people, in powers of ten. */
export function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)))
  const value = bytes / 1000 ** power
  return `${power === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${units[power]}`
}
