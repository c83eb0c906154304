import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InfoHash } from '../protocol/units.ts'
import { TextSink } from '../test/harness/cli.ts'
import { atLeast, jsonLog, textOfLog } from './log.ts'
import type { SeederStats } from './seeder.ts'
import { StatusLine, seederStatus } from './status-line.ts'

function statsWith(uploaded: number): SeederStats {
  const swarm = {
    infoHash: 'a'.repeat(40) as InfoHash,
    peers: 3,
    uploaded,
    offered: 9,
    verified: 9,
    refused: 0,
    problems: 0,
  }
  return { swarms: [swarm], peers: 3, uploaded, dhtLinks: 0, openFiles: 1, trackers: new Map([['ws://a/', true]]) }
}

test('the status is written in place, and events above it', () => {
  const out = new TextSink()
  const line = new StatusLine(out)
  line.show(seederStatus(statsWith(0)), 0)
  line.show(seederStatus(statsWith(5_000_000)), 1_000)
  line.log('warn', 'a.bin is missing', { url: 'ws://a/' })
  line.end()
  const erased = '\x1b[2K\x1b[1G'
  const [first, second] = ['0.0 MB at 0.0 Mbit/s', '5.0 MB at 40.0 Mbit/s'].map(
    (sent) => `swarms: 1, peers: 3, sent: ${sent}, trackers: 1 of 1`,
  )
  assert.equal(out.text, `${first}${erased}${second}${erased}warning: a.bin is missing url=ws://a/\n${second}\n`)
})

test('a JSON log has one object a line, and only what is grave enough', () => {
  const lines: string[] = []
  const log = atLeast(
    'warn',
    jsonLog((line) => lines.push(line)),
  )
  log('info', 'not shown')
  log('error', 'shown', { swarms: 2 })
  const [line = '', ...more] = lines
  assert.equal(more.length, 0)
  const { time, ...rest } = JSON.parse(line)
  assert.deepEqual(rest, { level: 'error', message: 'shown', swarms: 2 })
  assert.ok(Number.isFinite(Date.parse(time)))
  assert.ok(line.endsWith('\n'))
  assert.equal(textOfLog('info', 'up', { trackers: ['a', 'b'] }), 'up trackers=a,b')
})
