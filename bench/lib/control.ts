import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { withDeadline } from '../../protocol/deadline.ts'
import type { Commands, Order, Outcome } from './commands.ts'

/** A page that has nothing to do asks again after this long. */
const POLL_MS = 20_000

const CALL_MS = 600_000

type Argument<K extends keyof Commands> = Parameters<Commands[K]>
type Result<K extends keyof Commands> = Awaited<ReturnType<Commands[K]>>

interface Call {
  readonly order: Order
  readonly settle: (outcome: Outcome) => void
}

/** A page of a bench, told what to do over plain HTTP: a debugger's connection would slow down what is measured. */
export class Agent {
  readonly #waiting: Call[] = []
  readonly #given = new Map<number, Call>()
  #take: ((order: Order | null) => void) | undefined
  #count = 0

  /** @throws what the command threw, or DeadlineMissed */
  async call<K extends keyof Commands>(name: K, ...[argument]: Argument<K>): Promise<Result<K>> {
    const outcome = await withDeadline(this.#send(name, argument), CALL_MS, `answer to ${name}`)
    if ('error' in outcome) throw new Error(`${name}: ${outcome.error}`)
    return outcome.result as Result<K>
  }

  /** The next order for the page, or null when there is none for a while. */
  next(): Promise<Order | null> {
    this.#take?.(null)
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#take?.(null), POLL_MS)
      this.#take = (order) => {
        clearTimeout(timer)
        this.#take = undefined
        resolve(order)
      }
      this.#hand()
    })
  }

  settle(outcome: Outcome): void {
    this.#given.get(outcome.number)?.settle(outcome)
    this.#given.delete(outcome.number)
  }

  #send(name: keyof Commands, argument: unknown): Promise<Outcome> {
    return new Promise((resolve) => {
      this.#waiting.push({ order: { number: ++this.#count, name, argument }, settle: resolve })
      this.#hand()
    })
  }

  #hand(): void {
    if (!this.#take) return
    const call = this.#waiting.shift()
    if (!call) return
    this.#given.set(call.order.number, call)
    this.#take(call.order)
  }
}

/** Where the pages of a bench ask what to do. */
export class Control {
  readonly url: string
  readonly #server: Server
  readonly #agents: Map<string, Agent>

  private constructor(server: Server, agents: Map<string, Agent>) {
    this.#server = server
    this.#agents = agents
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async open(): Promise<Control> {
    const agents = new Map<string, Agent>()
    const server = createServer((request, response) => {
      void answer(request, response, agents).catch(() => response.destroy())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new Control(server, agents)
  }

  /** The page that will call itself `name`. */
  agent(name: string): Agent {
    const agent = this.#agents.get(name) ?? new Agent()
    this.#agents.set(name, agent)
    return agent
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, agents: Map<string, Agent>): Promise<void> {
  const url = new URL(request.url ?? '', 'http://control')
  const agent = agents.get(url.searchParams.get('name') ?? '')
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  response.setHeader('Access-Control-Allow-Origin', '*')
  response.setHeader('Content-Type', 'application/json')
  if (!agent) response.writeHead(404).end('null')
  else if (url.pathname === '/next') response.end(JSON.stringify(await agent.next()))
  else {
    agent.settle(JSON.parse(Buffer.concat(chunks).toString()))
    response.end('null')
  }
}
