import type { ClassicLevel } from 'classic-level'

export type Database = ClassicLevel<string, Uint8Array>

/** Its binary is loaded here and not before, so that whoever does not store does not need it. */
export async function openDatabase(folder: string): Promise<Database> {
  const { ClassicLevel } = await import('classic-level')
  const mend = [() => ClassicLevel.repair(folder), () => ClassicLevel.destroy(folder)]
  for (;;) {
    const database: Database = new ClassicLevel(folder, { keyEncoding: 'utf8', valueEncoding: 'view' })
    try {
      await database.open()
      return database
    } catch (error) {
      const next = isCorruption(error) ? mend.shift() : undefined
      if (next === undefined) throw error
      await next()
    }
  }
}

function isCorruption(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && 'code' in cause && cause.code === 'LEVEL_CORRUPTION'
}
