import { holdTo } from './held-to.ts'
import { FILMS } from './scenarios.ts'

for (const scenario of FILMS) holdTo(scenario)
