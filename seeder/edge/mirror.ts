import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { reasonOf, SeederError } from '../errors.ts'
import type { Log } from '../log.ts'
import { allowOrigins, answerPreflight, answerText } from './responses.ts'

export interface MirrorOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** Connections at the same time; more are closed at once. */
  readonly maxConnections: number
  /** Answers GET and HEAD. */
  readonly answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>
  readonly log: Log
}

/** A client that takes nothing for so long is gone; players pause for minutes. */
const IDLE_MS = 10 * 60_000
const TIDY_MS = 50
/** A request has few bytes: who has not sent its head by then, or all of it, only holds the connection. */
const TIMES = { headersTimeout: 8_000, requestTimeout: 15_000, connectionsCheckingInterval: 2_000 }

/** The HTTP side of an edge. */
export class Mirror {
  readonly port: number
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
  }

  /** @throws SeederError when the port cannot be had */
  static async listen(options: MirrorOptions): Promise<Mirror> {
    const server = createServer(TIMES, (request, response) => {
      handle(request, response, options).catch((error) => {
        options.log('error', 'a request failed', { url: request.url ?? '', reason: reasonOf(error) })
        if (response.headersSent) response.destroy()
        else answerText(response, 500, 'the edge failed')
      })
    })
    server.maxConnections = options.maxConnections
    server.setTimeout(IDLE_MS)
    await listen(server, options)
    // A connection that could not be taken, as when all file handles are used up: others can.
    server.on('error', (error) => options.log('warn', 'a connection failed', { reason: reasonOf(error) }))
    return new Mirror(server)
  }

  get connections(): Promise<number> {
    return new Promise((resolve) => this.#server.getConnections((_, count) => resolve(count ?? 0)))
  }

  /** @param graceMs how long answers on their way may still take */
  close(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const force = setTimeout(() => this.#server.closeAllConnections(), graceMs)
      // A connection whose answer is complete waits for the next request, which is not to come.
      const tidy = setInterval(() => this.#server.closeIdleConnections(), TIDY_MS)
      this.#server.close(() => {
        clearTimeout(force)
        clearInterval(tidy)
        resolve()
      })
      this.#server.closeIdleConnections()
    })
  }
}

async function handle(request: IncomingMessage, response: ServerResponse, { answer }: MirrorOptions): Promise<void> {
  allowOrigins(response)
  if (request.method === 'OPTIONS') return answerPreflight(response)
  if (request.method === 'GET' || request.method === 'HEAD') return await answer(request, response)
  response.setHeader('Allow', 'GET, HEAD, OPTIONS')
  answerText(response, 405, 'only GET and HEAD are answered here')
}

function listen(server: Server, { host, port }: MirrorOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, `${host}:${port}`)))
    server.listen(port, host, resolve)
  })
}

function listenError(error: Error, where: string): SeederError {
  const reason = reasonOf(error)
  const options = { cause: error }
  if (reason === 'EADDRINUSE')
    return new SeederError(`${where} is in use`, 'choose another port with --http-port, or 0 for any', options)
  if (reason === 'EACCES')
    return new SeederError(`${where} is not allowed to this user`, 'choose a port above 1023 with --http-port', options)
  return new SeederError(`cannot listen at ${where} (${reason})`, 'choose another address with --http-host', options)
}
