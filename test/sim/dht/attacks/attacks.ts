import type { HostileNode, HostileOptions } from '../hostile-node.ts'
import type { Random } from '../random.ts'
import type { Hostility } from '../scenario.ts'
import type { World } from '../sim-node.ts'
import { CastingSybil, Flooder, Sybil, SybilAnnouncer } from './flooders.ts'
import { Discourager, Eclipser, Forger, Poisoner, SilentNode } from './liars.ts'
import { Garbler, Impostor } from './vandals.ts'

type Attacker = new (world: World, random: Random, options: HostileOptions) => HostileNode

/** What each kind of hostile node does. */
export const ATTACKERS: Readonly<Record<Exclude<Hostility['kind'], 'none'>, Attacker>> = {
  silent: SilentNode,
  poison: Poisoner,
  eclipse: Eclipser,
  discourage: Discourager,
  forge: Forger,
  flood: Flooder,
  sybil: Sybil,
  announce: SybilAnnouncer,
  cast: CastingSybil,
  impersonate: Impostor,
  garble: Garbler,
}
