import { join } from 'node:path'
import { MiB } from '../../protocol/units.ts'
import { Edge, type EdgeOptions } from '../../seeder/edge/edge.ts'
import type { LogLevel } from '../../seeder/log.ts'
import { makeScratch, type Owner } from './scratch.ts'

/** An edge, where it answers, and what it has logged. */
export interface EdgeUnderTest {
  readonly edge: Edge
  /** Ends in `/`. */
  readonly url: string
  readonly folder: string
  readonly logged: { readonly level: LogLevel; readonly message: string }[]
  get(path: string, headers?: Record<string, string>): Promise<Response>
  /** Body of a GET. @throws when the answer is not good */
  bytes(path: string, headers?: Record<string, string>): Promise<Buffer>
}

/** @param site URL of the site that it mirrors */
export async function openEdge(owner: Owner, site: string, options: Partial<EdgeOptions> = {}): Promise<EdgeUnderTest> {
  const logged: EdgeUnderTest['logged'] = []
  const folder = options.folder ?? join(await makeScratch(owner, 'edge'), 'store')
  const edge = await Edge.start({
    manifestUrl: site,
    folder,
    cacheSize: 1024 * MiB,
    memory: 256 * MiB,
    maxOpenFiles: 64,
    joinAll: false,
    http: { host: '127.0.0.1', port: 0, maxConnections: 200 },
    makeTransport: undefined,
    announce: [],
    log: (level, message) => logged.push({ level, message }),
    ...options,
  })
  owner.after(() => edge.close(0))
  const url = `http://127.0.0.1:${edge.httpPort}/`
  const get = (path: string, headers: Record<string, string> = {}) => fetch(new URL(path, url), { headers })
  const bytes = async (path: string, headers?: Record<string, string>) => {
    const response = await get(path, headers)
    if (!response.ok) throw new Error(`${path}: status ${response.status}`)
    return Buffer.from(await response.arrayBuffer())
  }
  return { edge, url, folder, logged, get, bytes }
}
