/** Time, handed in by whoever runs the mesh. */
export interface Clock {
  /** Milliseconds; never goes back. */
  now(): number
  /** Runs once after `ms`, unless the returned function is called before. */
  after(ms: number, run: () => void): () => void
}
