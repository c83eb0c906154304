import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mightServe, takesWindows, targetOf, unnamed } from './route.ts'

const ROOT = 'https://example.org/site/'
const FILE = `${ROOT}videos/a.mp4`

function request(url: string, init: RequestInit = {}, destination: RequestDestination = ''): Request {
  return Object.defineProperty(new Request(url, init), 'destination', { value: destination })
}

/** What a request is like, and whether it may be for us. Everything that is not here is refused by the manifest. */
const table: [name: string, request: Request, ours: boolean][] = [
  ['fetch', request(FILE), true],
  ['video', request(FILE, {}, 'video'), true],
  ['a navigation', request(FILE, {}, 'document'), true],
  ['an image', request(FILE, {}, 'image'), true],
  ['a range', request(FILE, { headers: { range: 'bytes=0-', 'if-range': '"1"' } }), true],
  ['a query', request(`${FILE}?v=1`), true],
  ['HEAD', request(FILE, { method: 'HEAD' }), false],
  ['POST', request(FILE, { method: 'POST', body: 'x' }), false],
  [
    'PUT of a stream',
    request(FILE, { method: 'PUT', body: new Blob(['x']).stream(), duplex: 'half' } as RequestInit),
    false,
  ],
  ['another origin', request('https://example.com/site/a.mp4'), false],
  ['another scheme', request('http://example.org/site/a.mp4'), false],
  ['outside of the site', request('https://example.org/other/a.mp4'), false],
  ['a script', request(FILE, {}, 'script'), false],
  ['a style sheet', request(FILE, {}, 'style'), false],
  ['a worker', request(FILE, {}, 'worker'), false],
  ['a service worker', request(FILE, {}, 'serviceworker' as RequestDestination), false],
  ['the HTTP cache alone', request(FILE, { cache: 'only-if-cached', mode: 'same-origin' }), false],
  ['credentials of its own', request(FILE, { headers: { authorization: 'Bearer x' } }), false],
  ['If-None-Match', request(FILE, { headers: { 'if-none-match': '"1"' } }), false],
  ['If-Modified-Since', request(FILE, { headers: { 'if-modified-since': 'x' } }), false],
  ['If-Match', request(FILE, { headers: { 'if-match': '"1"' } }), false],
  ['If-Unmodified-Since', request(FILE, { headers: { 'if-unmodified-since': 'x' } }), false],
]
for (const [name, asked, ours] of table)
  test(`${name} is ${ours ? 'perhaps' : 'not'} for us`, () => assert.equal(mightServe(asked, ROOT), ours))

test('our parameter is taken off, others stay', () => {
  assert.deepEqual(targetOf(`${FILE}?tributary-download=x.mp4#t=5`), { url: FILE, downloadName: 'x.mp4' })
  assert.deepEqual(targetOf(`${FILE}?v=1&tributary-download=`), { url: `${FILE}?v=1`, downloadName: '' })
  assert.deepEqual(targetOf(`${FILE}?v=1`), { url: `${FILE}?v=1`, downloadName: undefined })
})

test('without its name a download stays one', () => {
  assert.equal(unnamed({ url: FILE, downloadName: 'x' }).downloadName, '')
  assert.equal(unnamed({ url: FILE, downloadName: '' }).downloadName, '')
  assert.equal(unnamed({ url: FILE, downloadName: undefined }).downloadName, undefined)
})

test('windows are for media elements that ask again', () => {
  const chrome = 'Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/130.0 Safari/537.36'
  const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'
  const safari = 'Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15'
  for (const [agent, takes] of [
    [chrome, true],
    [firefox, true],
    [safari, false],
  ] as const) {
    assert.equal(takesWindows(request(FILE, {}, 'video'), agent), takes)
    assert.equal(takesWindows(request(FILE, {}, 'audio'), agent), takes)
    assert.equal(takesWindows(request(FILE), agent), false)
  }
})
