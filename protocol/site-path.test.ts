import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pathOfUrl, urlOfPath } from './site-path.ts'

const ROOT = 'https://example.org/'
const segment = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 8 })
  .filter((text) => !/[/\\\0]/.test(text) && text !== '.' && text !== '..')
const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'))
const root = fc.constantFrom(ROOT, 'http://localhost:8080/', 'https://example.org/a/b%20c/')

test('each path has a URL, and the URL names the path', () => {
  fc.assert(
    fc.property(path, root, (name, site) => {
      const url = urlOfPath(name, site)
      assert.ok(url.startsWith(site))
      assert.equal(pathOfUrl(url, site, []), name)
      assert.equal(pathOfUrl(`${url}#fragment`, site, []), name)
    }),
  )
})

test('names that look like parts of a URL', () => {
  assert.equal(urlOfPath('a b/x#1%?.bin', ROOT), 'https://example.org/a%20b/x%231%25%3F.bin')
  assert.equal(urlOfPath('javascript:x', ROOT), 'https://example.org/javascript%3Ax')
  assert.equal(urlOfPath('Flüsse.pdf', ROOT), 'https://example.org/Fl%C3%BCsse.pdf')
  assert.equal(pathOfUrl('https://example.org/Flüsse.pdf', ROOT, []), 'Flüsse.pdf')
  assert.equal(pathOfUrl('https://example.org/%252e%252e/x', ROOT, []), '%2e%2e/x')
})

test('what lies outside of the site has no path', () => {
  for (const url of [
    'https://example.org.evil.example/a',
    'http://example.org/a',
    'https://example.org:8443/a',
    'https://example.org/',
    'https://example.org//a',
    'https://example.org/a/',
    'https://example.org/a%2Fb',
    'https://example.org/a%2',
    'https://example.org/%ff',
    'blob:https://example.org/a',
    'data:,a',
    'a',
    '',
  ])
    assert.equal(pathOfUrl(url, ROOT, []), undefined, url)
  assert.equal(pathOfUrl('https://example.org/other/a', 'https://example.org/site/', []), undefined)
  assert.equal(pathOfUrl('https://example.org/site/../a', 'https://example.org/site/', []), undefined)
})

test('a query counts, unless all of its parameters may be ignored', () => {
  const of = (query: string) => pathOfUrl(`https://example.org/a${query}`, ROOT, ['v', 'utm source'])
  assert.equal(of(''), 'a')
  assert.equal(of('?'), 'a')
  assert.equal(of('?v=1&v=2'), 'a')
  assert.equal(of('?utm%20source=x'), 'a')
  assert.equal(of('?v=1&w=2'), undefined)
  assert.equal(of('?token'), undefined)
})
