// How fast a file comes that the worker has in its cache, against the plain network path.
//
//   npm run bench sw-cached -- [--sizes 256,1024] [--rounds 5] [--egress 400] [--json]
//
// Sizes in MiB; egress in Mbit/s, while the cache is being filled. What is compared is read unshaped.

import { setTimeout as sleep } from 'node:timers/promises'
import { only, progress, readArguments } from './lib/arguments.ts'
import { Cleanup } from './lib/cleanup.ts'
import { openClient } from './lib/clients.ts'
import { Control } from './lib/control.ts'
import { Report } from './lib/report.ts'
import { MiB, rateOf, Site } from './lib/site.ts'
import { median } from './lib/statistics.ts'

/** The worker joins small records into larger ones once it is idle. */
const IDLE_MS = 8_000

const { json, numbers } = readArguments({ sizes: [256, 1024], rounds: [5], egress: [400] })

const report = new Report('sw-cached', [
  'fetch() of a file that the worker has stored, read to the end and dropped by the page.',
  'network: the same file from the origin, unshaped, without a worker; cached: from our worker. In turn within each round.',
])

await Cleanup.around(async (cleanup) => {
  const nameOf = (size: number) => `${size}.bin`
  const site = cleanup.add(
    await Site.make(numbers.sizes.map((size) => ({ size: size * MiB, names: [nameOf(size)] }))),
    (made) => made.remove(),
  )
  const control = cleanup.add(await Control.open(), (open) => open.close())
  const plain = await openClient('none', { site, control, cleanup })
  const ours = await openClient('tributary', { site, control, cleanup })
  ours.server.setEgress(rateOf(only(numbers.egress)))
  for (const size of numbers.sizes) {
    progress(`${size} MiB: filling the cache`)
    await ours.download(nameOf(size))
  }
  await sleep(IDLE_MS)
  ours.server.setEgress(undefined)
  for (const size of numbers.sizes) {
    progress(`${size} MiB: reading`)
    const before = ours.originBytes(nameOf(size))
    const results = { network: [await plain.download(nameOf(size))], cached: [await ours.download(nameOf(size))] }
    // The first reading of each is not the usual one: it warms up what is above and below the browser.
    results.network.length = 0
    results.cached.length = 0
    for (let round = 0; round < only(numbers.rounds); round++) {
      results.network.push(await plain.download(nameOf(size)))
      results.cached.push(await ours.download(nameOf(size)))
    }
    const rates = (name: 'network' | 'cached') => results[name].map(({ bytes, totalMs }) => bytes / totalMs / 1000)
    const firsts = (name: 'network' | 'cached') => results[name].map(({ firstByteMs }) => firstByteMs)
    const ratio = median(rates('cached')) / median(rates('network'))
    report.add({
      file: `${size} MiB`,
      'network, MB/s': { values: rates('network') },
      'cached, MB/s': { values: rates('cached') },
      ratio: ratio.toFixed(2),
      'network, first byte ms': { values: firsts('network'), digits: 1 },
      'cached, first byte ms': { values: firsts('cached'), digits: 1 },
      'origin bytes while reading': String(ours.originBytes(nameOf(size)) - before),
    })
    report.target({ name: `cached reads, ${size} MiB`, value: ratio, atLeast: 0.5, unit: 'x the network' })
    report.target({ name: `first byte, ${size} MiB`, value: median(firsts('cached')), atMost: 30, unit: 'ms' })
  }
})
report.print(json)
