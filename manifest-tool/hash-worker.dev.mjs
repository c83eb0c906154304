// The worker as the sources run it: tsx does not load TypeScript in threads by itself.
import { register } from 'tsx/esm/api'

register()
await import('./hash-worker.ts')
