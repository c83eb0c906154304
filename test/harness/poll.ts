/**
 * Asks again and again until the answer is good.
 * @throws Error that shows the last answer when none was good before `deadlineMs`
 */
export async function eventually<T>(ask: () => T | Promise<T>, good: (answer: T) => boolean, deadlineMs = 10_000) {
  const until = Date.now() + deadlineMs
  for (;;) {
    const answer = await ask()
    if (good(answer)) return answer
    if (Date.now() > until) throw new Error(`after ${deadlineMs} ms still ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
