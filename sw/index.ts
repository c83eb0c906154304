import { TributaryWorker } from './worker.ts'

new TributaryWorker().listen()
