import type { Command } from 'commander'
import { LOG_LEVELS } from '../../seeder/log.ts'
import { DEFAULT_MAX_PEERS } from '../../seeder/peer-port.ts'
import type { Io } from '../io.ts'
import { seedAsEdge } from './seed-edge.ts'
import { seedFromFiles } from './seed-files.ts'
import type { SeedArguments } from './seed-options.ts'

const collect = (value: string, before: string[]) => [...before, value]

export function addSeedCommand(program: Command, io: Io): void {
  program
    .command('seed')
    .summary('serve the swarms of a site as a peer with a disk, from its files or as an edge')
    .description(
      'From <dir>: serves every swarm of the manifest there to visitors over WebRTC, from the files themselves.\n\n' +
        'From <url>, of a manifest or its site: an edge, which fetches what it is asked for from peers or the origin, ' +
        'keeps it on its disk, and serves it to peers and over HTTP.\n\n' +
        'Each chunk is verified. Follows a new manifest by itself; SIGHUP looks at everything again. Logs JSON unless on a terminal.',
    )
    .argument('<dir|url>', 'root of the site, with its manifest; or the URL of either')
    .option('--origin <url>', "the site's public URL: says where a tracker path such as /announce is")
    .option('--announce <url>', "tracker to use instead of the manifest's; may be repeated", collect, [])
    .option('--upload-limit <rate>', 'to all peers together, such as 50Mbit')
    .option('--peer-upload-limit <rate>', 'to each peer')
    .option('--max-peers <n>', 'connections over all swarms', String(DEFAULT_MAX_PEERS))
    .option('--log-level <level>', LOG_LEVELS.join(', '), 'info')
    .option('--metrics-port <n>', 'serve /metrics and /healthz here; 0 means any free one')
    .option('--metrics-host <address>', 'address for them to listen on', '127.0.0.1')
    .option('--store <dir>', 'edge: where chunks rest; a folder of its own in the cache of this user when absent')
    .option('--cache-size <size>', 'edge: what chunks may take of the disk (default: 10GiB)')
    .option('--http-port <n>', 'edge: answer HTTP here; 0 means any free one')
    .option('--http-host <address>', 'edge: address to answer HTTP on (default: 127.0.0.1)')
    .option('--max-connections <n>', 'edge: HTTP connections (default: 1000)')
    .option('--max-open-files <n>', 'edge: files of the store held open (default: 256)')
    .option('--memory <size>', 'edge: what readers and peers may have in memory (default: 512MiB)')
    .option('--join-all', 'edge: take part in all swarms from the start, not only in those that are asked for')
    .action((where: string, given: SeedArguments) => {
      const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(where)
      return isUrl ? seedAsEdge(where, given, io) : seedFromFiles(where, given, io)
    })
}
