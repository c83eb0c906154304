import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openChromium } from '../harness/chromium.ts'
import type { RequestOptions } from '../harness/page/request.ts'
import { openSite } from '../harness/site.ts'
import { ask, untilStored, visit } from '../harness/visit.ts'

const FILE = 'files/data.bin'

/** Requests that are none of ours though their path is in the manifest. */
const FOREIGN: Readonly<Record<string, { query?: string; options: RequestOptions }>> = {
  'with a query': { query: '?version=2', options: {} },
  'with credentials of its own': { options: { headers: { Authorization: 'Basic dXNlcjpwYXNz' } } },
  POST: { options: { method: 'POST' } },
  PUT: { options: { method: 'PUT' } },
  HEAD: { options: { method: 'HEAD' } },
}

test('requests that are none of ours reach the origin as they are', { timeout: 60_000 }, async (t) => {
  const site = await openSite(t, { files: { [FILE]: 2_000_000 } })
  const tab = await (await openChromium(t)).tab()
  const control = await (await openChromium(t, { serviceWorkers: 'block' })).tab()
  await visit(tab, site)
  await control.goto(site.url)
  await ask(tab, FILE)
  await untilStored(tab, FILE)

  for (const [name, { query = '', options }] of Object.entries(FOREIGN)) {
    await t.test(name, async () => {
      const seen = site.requests.length
      const expected = await ask(control, FILE + query, options)
      const actual = await ask(tab, FILE + query, options)
      assert.equal(actual.status, expected.status)
      assert.equal(actual.sha256, expected.sha256)
      const [fromControl, fromPage] = site.requests.slice(seen)
      assert.equal(fromPage?.method, options.method ?? 'GET')
      assert.equal(fromPage?.target, `/${FILE}${query}`)
      assert.equal(fromPage?.headers.authorization, fromControl?.headers.authorization)
    })
  }
})
