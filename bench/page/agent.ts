import type { Commands, Order, Outcome } from '../lib/commands.ts'

/** What a page can be asked to do. Every command takes at most one argument, and all of it travels as JSON. */
export type Handlers = Partial<Commands>

const query = new URLSearchParams(location.search)
const control = query.get('control') ?? ''
const name = query.get('name') ?? ''

/** Asks the bench what to do, does it, and reports, until the page is closed. */
export async function obey(handlers: Handlers): Promise<void> {
  for (;;) {
    const order = await ask('next', '')
    if (isOrder(order)) void carryOut(order, handlers)
  }
}

async function carryOut({ number, name: command, argument }: Order, handlers: Handlers): Promise<void> {
  const outcome = await attempt(
    handlers[command] as ((argument: unknown) => Promise<unknown>) | undefined,
    argument,
  ).then(
    (result): Outcome => ({ number, result }),
    (error: unknown): Outcome => ({ number, error: String(error) }),
  )
  await ask('done', JSON.stringify(outcome))
}

async function attempt(handler: ((argument: unknown) => Promise<unknown>) | undefined, argument: unknown) {
  if (!handler) throw new Error('this page does not know the command')
  return await handler(argument)
}

/** POST, and to a port of its own: no service worker of the page sees it. */
async function ask(what: 'next' | 'done', body: string): Promise<unknown> {
  const response = await fetch(`${control}/${what}?name=${name}`, { method: 'POST', body })
  return await response.json()
}

function isOrder(value: unknown): value is Order {
  return typeof value === 'object' && value !== null && 'number' in value
}
