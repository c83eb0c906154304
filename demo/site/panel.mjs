// The live panel: shows what window.tributary reports. Without it, film and downloads are plain HTTP, and so says the panel.

/** Where a chunk came from, by its number in FileChunks.sources: CHUNK_SOURCES of protocol/bridge.ts. */
const SOURCES = ['none', 'cache', 'peers', 'origin']
const SOURCE_NAMES = { cache: 'from this browser', peers: 'from other visitors', origin: 'from the server' }

/** A map grows no higher than this before its cells shrink, in CSS pixels. */
const MAP_HEIGHT = 118
const LARGEST_CELL = 10
const SMALLEST_CELL = 4

const byId = (id) => document.getElementById(id)
const decimal = (digits) =>
  new Intl.NumberFormat('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
const whole = decimal(0)

function formatBytes(bytes) {
  if (bytes >= 1e9) return `${decimal(2).format(bytes / 1e9)}\u00a0GB`
  return `${decimal(bytes < 1e8 && bytes > 0 ? 1 : 0).format(bytes / 1e6)}\u00a0MB`
}

function showState(kind, text) {
  byId('state-dot').dataset.state = kind
  byId('state').textContent = text
}

/** State of the worker in words: [kind of dot, text]. */
function describeState(state) {
  if (state.mode === 'off') return ['plain', 'Switched off: plain HTTP']
  if (state.manifest === 'disabled') return ['plain', 'Switched off by the site: plain HTTP']
  if (state.manifest === 'none') return ['plain', 'This site lists no files: plain HTTP']
  if (state.manifest === 'broken') return ['plain', 'The list of files cannot be read: plain HTTP']
  if (state.mode === 'shadow') return ['on', 'Only watching: all bytes from the server']
  const files = state.files === undefined ? '' : `, ${state.files} files listed`
  return ['on', `Worker on${files}${state.store === 'none' ? ' but nothing can be stored: plain HTTP' : ''}`]
}

function showFigures({ bytes, peers }) {
  const total = bytes.cache + bytes.peers + bytes.origin
  for (const source of ['cache', 'peers', 'origin']) {
    byId(`bytes-${source}`).textContent = formatBytes(bytes[source])
    byId(`ribbon-${source}`).style.flexGrow = String(total > 0 ? bytes[source] / total : 0)
  }
  byId('bytes-uploaded').textContent = formatBytes(bytes.uploaded)
  byId('peers').textContent = whole.format(peers)
  // Rounded down: 100 only when the server sent nothing.
  byId('saved').textContent = `${total > 0 ? Math.floor((100 * (total - bytes.origin)) / total) : 0}\u2009%`
}

const maps = new Map()

function createMap(path) {
  const item = document.createElement('li')
  const label = document.createElement('p')
  const name = document.createElement('span')
  const count = document.createElement('span')
  const canvas = document.createElement('canvas')
  name.textContent = path.split('/').at(-1)
  canvas.setAttribute('role', 'img')
  label.append(name, count)
  item.append(label, canvas)
  byId('maps').append(item)
  const map = { item, count, canvas, sources: new Uint8Array() }
  maps.set(path, map)
  resized.observe(canvas.parentElement)
  return map
}

function showMaps(files) {
  const paths = new Set(files.map((file) => file.path))
  for (const [path, { item }] of maps) {
    if (paths.has(path)) continue
    resized.unobserve(item)
    item.remove()
    maps.delete(path)
  }
  for (const { path, sources } of files) {
    const map = maps.get(path) ?? createMap(path)
    map.sources = sources
    const counts = SOURCES.map((_, index) => sources.reduce((sum, source) => sum + (source === index ? 1 : 0), 0))
    const held = sources.length - counts[0]
    map.count.textContent = `${whole.format(held)} of ${whole.format(sources.length)}`
    const parts = SOURCES.flatMap((name, i) => (i > 0 && counts[i] > 0 ? `${counts[i]} ${SOURCE_NAMES[name]}` : []))
    map.canvas.setAttribute(
      'aria-label',
      `${held} of ${sources.length} chunks${parts.map((part) => `, ${part}`).join('')}`,
    )
    draw(map)
  }
  byId('map-empty').hidden = files.length > 0
  byId('map-note').hidden = files.length === 0
}

/** Largest cell with which `count` of them fit into `width` times MAP_HEIGHT, in whole CSS pixels. */
function cellSize(count, width) {
  for (let size = LARGEST_CELL; size > SMALLEST_CELL; size--)
    if (Math.ceil(count / Math.floor(width / size)) * size <= MAP_HEIGHT) return size
  return SMALLEST_CELL
}

/** Shapes as in the legend, so that colour is not the only sign. */
const shapes = {
  none: (context, x, y, r) => context.rect(x - r / 4, y - r / 4, r / 2, r / 2),
  cache: (context, x, y, r) => context.rect(x - r * 0.8, y - r * 0.8, r * 1.6, r * 1.6),
  peers: (context, x, y, r) => {
    context.moveTo(x + r, y)
    context.arc(x, y, r, 0, 2 * Math.PI)
  },
  origin: (context, x, y, r) => {
    context.moveTo(x, y - r)
    for (const [dx, dy] of [
      [r, 0],
      [0, r],
      [-r, 0],
    ])
      context.lineTo(x + dx, y + dy)
    context.closePath()
  },
}

function draw({ canvas, sources }) {
  const width = canvas.parentElement.clientWidth
  if (width === 0) return
  const size = cellSize(sources.length, width)
  const columns = Math.floor(width / size)
  const height = Math.ceil(sources.length / columns) * size
  const ratio = window.devicePixelRatio
  canvas.style.height = `${height}px`
  canvas.width = Math.round(width * ratio)
  canvas.height = Math.round(height * ratio)
  const context = canvas.getContext('2d')
  context.scale(ratio, ratio)
  const style = window.getComputedStyle(canvas)
  for (const [index, name] of SOURCES.entries()) {
    context.beginPath()
    for (let chunk = 0; chunk < sources.length; chunk++)
      if (sources[chunk] === index)
        shapes[name](context, ((chunk % columns) + 0.5) * size, (Math.floor(chunk / columns) + 0.5) * size, size * 0.46)
    context.fillStyle = style.getPropertyValue(`--${name}`)
    context.fill()
  }
}

const redraw = () => maps.forEach(draw)
const resized = new window.ResizeObserver(redraw)
window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw)

function connectControls(tributary, refresh) {
  const sharing = byId('sharing')
  const clear = byId('clear')
  sharing.disabled = clear.disabled = false
  sharing.addEventListener('change', async () => {
    const wanted = sharing.checked
    await tributary.setSharing(wanted).catch(() => {
      sharing.checked = !wanted
    })
  })
  clear.addEventListener('click', async () => {
    clear.disabled = true
    await tributary.clear().catch((error) => showState('plain', `The cache was not cleared: ${error.message}`))
    clear.disabled = false
    await refresh()
  })
}

async function start(tributary) {
  const show = (stats) => {
    showFigures(stats)
    showMaps(stats.chunks)
  }
  // A worker that is just being replaced does not answer; the next event brings the figures.
  const refresh = () => tributary.stats().then(show, () => undefined)
  tributary.addEventListener('stats', ({ detail }) => (detail ? show(detail) : refresh()))
  tributary.addEventListener('fallback', ({ detail }) => {
    if (detail?.path) showState('plain', `${detail.path} comes by plain HTTP: ${detail.reason}`)
  })
  const state = await tributary.ready
  showState(...describeState(state))
  byId('sharing').checked = state.sharing ?? true
  connectControls(tributary, refresh)
  await refresh()
}

// The script is `async`: it has run, or failed to load, when the page is complete.
if (document.readyState !== 'complete') await new Promise((resolve) => window.addEventListener('load', resolve))
if (window.tributary) {
  showState('wait', 'Starting the worker')
  start(window.tributary).catch((error) => showState('plain', `Plain HTTP: ${error.message}`))
} else {
  showState('plain', 'Plain HTTP: every byte from the server')
  byId('map-empty').textContent = 'Without the worker there are no chunks to show.'
}
