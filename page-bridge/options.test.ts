import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DOWNLOAD_PARAMETER } from '../protocol/bridge.ts'
import { downloadUrl } from './download-links.ts'
import { sizeText } from './monitor.ts'
import { parseRate } from './options.ts'
import { DEFAULT_CAPS, parseCaps, type UploadCaps } from './upload-caps.ts'

const rates: readonly [string | undefined, number | undefined][] = [
  ['5Mbit', 625_000],
  ['600KiB', 614_400],
  ['600 kB/s', 600_000],
  ['1.5MB', 1_500_000],
  ['8bit', 1],
  ['250000', 250_000],
  ['0', 0],
  ['2Gbit/s', 250_000_000],
  ['', undefined],
  [undefined, undefined],
  ['fast', undefined],
  ['-1', undefined],
  ['1e9', undefined],
]

for (const [text, bytes] of rates)
  test(`upload limit ${JSON.stringify(text)}`, () => assert.equal(parseRate(text), bytes))

const caps: readonly [string | undefined, Partial<UploadCaps>][] = [
  [undefined, {}],
  ['2GiB/month', { month: 2 ** 31 }],
  [' 500 MB / session , 10GB/month', { session: 5e8, month: 1e10 }],
  ['none/month', { month: Number.POSITIVE_INFINITY }],
  ['none/session, 1TiB/month', { session: Number.POSITIVE_INFINITY, month: 2 ** 40 }],
  ['0/month', { month: 0 }],
  ['2GiB', {}],
  ['2GiB/year', {}],
  ['much/month', {}],
  ['', {}],
]

for (const [text, given] of caps)
  test(`upload caps ${JSON.stringify(text)}`, () => assert.deepEqual(parseCaps(text), { ...DEFAULT_CAPS, ...given }))

test('a download URL keeps the query and loses the fragment', () => {
  assert.equal(downloadUrl('https://a.example/f.bin', ''), `https://a.example/f.bin?${DOWNLOAD_PARAMETER}=`)
  assert.equal(
    downloadUrl('https://a.example/f.bin?v=1%202#top', 'my file.bin'),
    `https://a.example/f.bin?v=1%202&${DOWNLOAD_PARAMETER}=my%20file.bin`,
  )
})

test('sizes for people', () => {
  assert.deepEqual([0, 999, 1000, 12_345_678, 5e9].map(sizeText), ['0 B', '999 B', '1.00 kB', '12.3 MB', '5.00 GB'])
})
