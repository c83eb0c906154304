import { registerSeederMetrics, seederHealth } from '../../seeder/metrics.ts'
import { loadNodeTransport } from '../../seeder/node-transport.ts'
import { Seeder } from '../../seeder/seeder.ts'
import { seederStatus } from '../../seeder/status-line.ts'
import type { Io } from '../io.ts'
import { peerOptions, refuseEdgeOptions, type SeedArguments } from './seed-options.ts'
import { runUntilStopped } from './seed-run.ts'

/** `tributary seed <dir>` */
export async function seedFromFiles(dir: string, given: SeedArguments, io: Io): Promise<void> {
  refuseEdgeOptions(given)
  const options = peerOptions(given)
  await runUntilStopped(given, io, async (log) => {
    const seeder = await Seeder.start({ ...options, root: dir, makeTransport: await loadNodeTransport(), log })
    return {
      register: (registry) => registerSeederMetrics(registry, () => seeder.stats()),
      health: () => seederHealth(seeder.stats()),
      status: () => seederStatus(seeder.stats()),
      reload: () => seeder.reload(),
      close: (graceMs) => seeder.close(graceMs),
      summary: () => ({ uploaded: seeder.stats().uploaded }),
    }
  })
}
