/** A reader waits for peers so many times less long when it can go no further without them. */
export const URGENCY = 4

/** How long whom is waited for, in milliseconds. What depends on the playback as well is in policy.ts. */
export interface Patience {
  /** What a request needs before it can be answered; then it goes to the origin. */
  readonly prepare: number
  /** The store, for one read; then the origin brings what was to be read. */
  readonly store: number
  /** A page, for the answer to a call; then it is frozen or gone. */
  readonly call: number
  /** Peers, for a whole chunk; a reader that waits for it is less patient. */
  readonly peerChunk: number
  /** An origin response that is silent, before it is given up and asked for anew. */
  readonly origin: number
  /** An origin that cannot be reached, or says that it is busy, before it is asked again; longer each time. */
  readonly retry: number
}

export const PATIENCE: Patience = {
  prepare: 700,
  store: 3_000,
  call: 2_000,
  peerChunk: 10_000,
  origin: 15_000,
  retry: 250,
}
