// A class per decision that the caller can make.

/** A manifest that does not have the required form. The message begins with the field's path. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError'
  readonly field: string

  constructor(field: string, problem: string) {
    super(`${field}: ${problem}`)
    this.field = field
  }
}

/** Bytes that do not match their hash. Drop them, and distrust whoever sent them. */
export class IntegrityError extends Error {
  override readonly name = 'IntegrityError'
}

/** A peer broke the wire protocol. End its session. */
export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation'
}

/** No room left to store a chunk. Evict, or go on without storing. */
export class QuotaExceeded extends Error {
  override readonly name = 'QuotaExceeded'
}

/** An answer did not arrive within its deadline. */
export class DeadlineMissed extends Error {
  override readonly name = 'DeadlineMissed'
}
