import { ownOptions, start } from './start.ts'

// `<script src="/tributary.js" async></script>`
start(ownOptions())
