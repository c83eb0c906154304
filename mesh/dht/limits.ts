// How much one link may ask for: so many a second in the long run, so many at once after a rest, and so many at first, for
// whoever leaves and comes again is not to gain by it. Honest nodes need a small part, but for moments: a newcomer sends all
// it has to say by its first two links. What a node sends is somewhat less than what its other end serves.

/** Queries that are answered or passed on. */
export const SERVED = { perSecond: 0.5, burst: 100, first: 50 }
export const SENT = { perSecond: 0.4, burst: 80, first: 40 }

/** Offers are long, and everybody on their way carries them. */
export const SIGNALS = { perSecond: 0.25, burst: 30, first: 30 }

/** Records to keep and to hand on; each is verified, and goes to many. */
export const COPIES = { perSecond: 0.2, burst: 60, first: 30 }
export const COPIES_SENT = { perSecond: 0.16, burst: 48, first: 24 }

/** Whatever was not asked for, served or not. Who sends more is hostile, and given up. */
export const BORNE = { perSecond: 1.5, burst: 200, first: 200 }
