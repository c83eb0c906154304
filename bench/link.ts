// One link between two browsers, everything held by one of them: our mesh against the data channel it runs on.
//
//   npm run bench link -- [--size 32] [--rounds 5] [--json]
//
// Size in MiB.

import { setTimeout as sleep } from 'node:timers/promises'
import { only, progress, readArguments } from './lib/arguments.ts'
import { Browser } from './lib/browser.ts'
import { Cleanup } from './lib/cleanup.ts'
import type { LinkTransfer, PipeKind } from './lib/commands.ts'
import { Control } from './lib/control.ts'
import { Report } from './lib/report.ts'
import { MiB, Site } from './lib/site.ts'
import { median } from './lib/statistics.ts'

const FILE = 'file.bin'
/** Until what the holder has stored is offered to peers. */
const STORE_MS = 3_000

const { json, numbers } = readArguments({ size: [32], rounds: [5] })
const size = only(numbers.size) * MiB

const report = new Report('link', [
  'Two Chromium processes with profiles of their own on one machine; one sends, the other receives. In turn within each round.',
  'raw: RTCDataChannel, 64 KiB messages; simple-peer: the same through it; mesh: chunks that the sender reads from its',
  'store and the receiver verifies, as many at a time as our worker asks for.',
])

async function overPipe(kind: PipeKind, from: Browser, to: Browser): Promise<LinkTransfer> {
  const offer = await from.page.call('offer', kind)
  await from.page.call('accept', await to.page.call('answer', { kind, offer }))
  const [transfer] = await Promise.all([to.page.call('receive', size), from.page.call('send', size)])
  await Promise.all([from.page.call('hangUp'), to.page.call('hangUp')])
  return transfer
}

async function overMesh(to: Browser): Promise<LinkTransfer> {
  await to.page.call('joinMesh', FILE)
  const transfer = await to.page.call('fetchAll')
  await to.page.call('leaveMesh')
  if (transfer.bytes !== size) throw new Error(`the mesh brought ${transfer.bytes} of ${size} bytes`)
  return transfer
}

await Cleanup.around(async (cleanup) => {
  const site = cleanup.add(await Site.make([{ size, names: [FILE] }]), (made) => made.remove())
  const control = cleanup.add(await Control.open(), (open) => open.close())
  const server = cleanup.add(await site.serve(true), (running) => running.close())
  const open = async (name: string) =>
    cleanup.add(await Browser.open({ control, name, page: `${server.url}link.html` }), (browser) => browser.close())
  const [holder, receiver] = [await open('holder'), await open('receiver')]
  await Promise.all([holder.page.call('ready'), receiver.page.call('ready')])
  progress('the holder downloads')
  await holder.page.call('download', { url: `${server.url}${FILE}` })
  await sleep(STORE_MS)
  const rates = { raw: [] as number[], 'simple-peer': [] as number[], mesh: [] as number[] }
  for (let round = 1; round <= only(numbers.rounds); round++) {
    progress(`round ${round}`)
    for (const kind of ['raw', 'simple-peer', 'mesh'] as const) {
      const transfer = kind === 'mesh' ? await overMesh(receiver) : await overPipe(kind, holder, receiver)
      rates[kind].push(transfer.bytes / transfer.ms / 1000)
    }
  }
  for (const [link, values] of Object.entries(rates))
    report.add({ link, 'MB/s': { values, digits: 1 }, '/ raw': (median(values) / median(rates.raw)).toFixed(2) })
  report.target({
    name: 'mesh against the raw channel',
    value: median(rates.mesh) / median(rates.raw),
    atLeast: 0.8,
    unit: 'x',
  })
})
report.print(json)
