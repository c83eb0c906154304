import { holdTo } from './held-to.ts'
import { TROUBLE } from './scenarios.ts'

for (const scenario of TROUBLE) holdTo(scenario)
