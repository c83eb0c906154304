import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ManifestFile } from '../protocol/manifest.ts'
import type { ChunkIndex } from '../protocol/units.ts'
import { disposition, type FileHead, headOf, matchesIfRange, parseHead, responseInit, versionOf } from './head.ts'

const DATE = 'Tue, 01 Oct 2024 10:00:00 GMT'
const head = (headers: Record<string, string>): FileHead => ({ headers: Object.entries(headers) })
const file: ManifestFile = {
  path: 'd/a b.bin',
  size: 100,
  type: 'text/plain',
  firstChunk: 0 as ChunkIndex,
  chunkSize: 32768,
}

test('a head keeps what belongs to the file, not to one answer or one hop', () => {
  const headers = {
    etag: '"1"',
    'cache-control': 'max-age=60',
    'content-type': 'video/mp4',
    'x-own': 'yes',
    'content-length': '7',
    'content-range': 'bytes 0-6/100',
    'content-digest': 'sha-256=:x:',
    age: '5',
    date: DATE,
    connection: 'close',
  }
  const kept = headOf(new Response('x', { headers }))
  assert.deepEqual(kept.headers.map(([name]) => name).sort(), ['cache-control', 'content-type', 'etag', 'x-own'])
  assert.deepEqual(parseHead(structuredClone(kept)), kept)
})

test('what is stored is checked', () => {
  for (const bad of [undefined, null, 'x', {}, { headers: 'x' }, { headers: [['a']] }, { headers: [['a', 1]] }])
    assert.equal(parseHead(bad), undefined)
})

test('If-Range: strong entity tags and exact dates match, nothing else does', () => {
  const known = head({ etag: '"1"', 'last-modified': DATE })
  assert.ok(matchesIfRange('"1"', known))
  assert.ok(matchesIfRange(DATE, known))
  for (const other of ['"2"', 'W/"1"', 'Tue, 01 Oct 2024 10:00:01 GMT', '1', ''])
    assert.ok(!matchesIfRange(other, known))
  assert.ok(!matchesIfRange('W/"1"', head({ etag: 'W/"1"' })))
})

test('versions: a strong entity tag, else the date, else one of its own', () => {
  assert.equal(versionOf(head({ etag: '"1"', 'last-modified': DATE })), '"1"')
  assert.equal(versionOf(head({ etag: 'W/"1"', 'last-modified': DATE })), DATE)
  assert.notEqual(versionOf(head({})), versionOf(head({})))
})

test('status line and lengths', () => {
  const whole = responseInit({ file, head: head({ etag: '"1"' }), part: undefined, downloadName: undefined })
  assert.equal(whole.status, 200)
  assert.equal(new Headers(whole.headers).get('content-length'), '100')
  const part = responseInit({ file, head: head({}), part: { start: 0, end: 1 }, downloadName: undefined })
  assert.equal(part.status, 206)
  assert.equal(new Headers(part.headers).get('content-range'), 'bytes 0-0/100')
})

test("names of downloads: the origin's first, then the link's, then the path's (RFC 6266, RFC 8187)", () => {
  const none = head({})
  assert.equal(disposition(none, '', file.path), `attachment; filename="a b.bin"; filename*=UTF-8''a%20b.bin`)
  assert.equal(
    disposition(none, `é'(*).bin`, file.path),
    `attachment; filename="_'(*).bin"; filename*=UTF-8''%C3%A9%27%28%2A%29.bin`,
  )
  assert.equal(
    disposition(head({ 'content-disposition': 'inline; filename=x.txt' }), 'y', file.path),
    'attachment; filename=x.txt',
  )
  assert.match(disposition(head({ 'content-disposition': 'inline' }), 'y', file.path), /filename="y"/)
  const hostile = disposition(none, 'a"; filename=evil.exe\r\nX: y%', file.path)
  assert.match(hostile, /^attachment; filename="a_; filename=evil\.exe__X: y_"; filename\*=UTF-8''[\w.%-]+$/)
  assert.ok(new Headers({ 'content-disposition': hostile }))
})
