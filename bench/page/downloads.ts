import { obey } from './agent.ts'
import { visitor } from './visitor.ts'

void obey(visitor)
