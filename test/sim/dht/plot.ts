/** A network of one size, and what it has shown. */
export interface Point {
  readonly nodes: number
  readonly result: { readonly hopsP50: number; readonly latencyP50Ms: number; readonly latencyP95Ms: number }
}

const WIDTH = 640
const HEIGHT = 360
/** Between the marks of the axis of time. */
const STEPS_MS = [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000]
const MOST_MARKS = 6
const MARGIN = { left: 60, right: 20, top: 30, bottom: 40 }

/** Time to find a provider over the size of the network, as SVG: on a logarithmic axis, growth by log(n) is a straight line. */
export function growthPlot(points: readonly Point[]): string {
  const sizes = points.map(({ nodes }) => Math.log10(nodes))
  const [first, last] = [Math.min(...sizes), Math.max(...sizes)]
  const highest = Math.max(1, ...points.map(({ result }) => result.latencyP95Ms)) * 1.1
  const x = (nodes: number) =>
    MARGIN.left + ((Math.log10(nodes) - first) / Math.max(1e-9, last - first)) * (WIDTH - MARGIN.left - MARGIN.right)
  const y = (ms: number) => HEIGHT - MARGIN.bottom - (ms / highest) * (HEIGHT - MARGIN.top - MARGIN.bottom)
  const line = (of: (point: Point) => number, colour: string) => {
    const at = points.map((point) => `${x(point.nodes).toFixed(1)},${y(of(point)).toFixed(1)}`)
    return `<polyline points="${at.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`
  }
  const text = (left: number, top: number, what: string, anchor = 'middle') =>
    `<text x="${left.toFixed(1)}" y="${top.toFixed(1)}" text-anchor="${anchor}">${what}</text>`
  const step = STEPS_MS.find((ms) => highest / ms <= MOST_MARKS) ?? highest
  const marks = Array.from({ length: Math.floor(highest / step) + 1 }, (_, i) => i * step)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...marks.map((ms) => text(MARGIN.left - 8, y(ms) + 4, `${ms.toFixed(0)} ms`, 'end')),
    ...points.map(({ nodes }) => text(x(nodes), HEIGHT - MARGIN.bottom + 18, String(nodes))),
    line(({ result }) => result.latencyP50Ms, '#0366d6'),
    line(({ result }) => result.latencyP95Ms, '#d73a49'),
    text(
      MARGIN.left + 8,
      MARGIN.top - 12,
      'until a provider is found: p50 blue, p95 red; nodes on a logarithmic axis',
      'start',
    ),
    '</svg>',
    '',
  ].join('\n')
}
