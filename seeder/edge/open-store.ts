import { type DiskStore, ForeignFolder, type LevelDbOptions, openLevelDb } from '../../store/leveldb.ts'
import { reasonOf, SeederError } from '../errors.ts'

/** @throws SeederError when the folder cannot be used */
export async function openStore(folder: string, options: LevelDbOptions): Promise<DiskStore> {
  try {
    return await openLevelDb(folder, options)
  } catch (error) {
    throw storeError(error, folder)
  }
}

function storeError(error: unknown, folder: string): unknown {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  const reason = reasonOf(cause)
  const failure = (what: string, mend: string) => new SeederError(what, mend, { cause: error })
  if (error instanceof ForeignFolder) return failure(error.message, 'name an empty folder with --store')
  if (reason === 'LEVEL_LOCKED')
    return failure(
      `${folder} is used by another process`,
      'stop that one, or name another folder with --store: each edge needs its own',
    )
  if (reason === 'ERR_MODULE_NOT_FOUND')
    return failure('LevelDB does not load on this machine', 'install it with: npm install classic-level')
  // LevelDB has one code for all that a disk does to it.
  const isFull = reason === 'ENOSPC' || (cause instanceof Error && /No space left|quota exceeded/i.test(cause.message))
  if (isFull) return failure(`the disk of ${folder} is full`, 'free some space, or name another folder')
  if (reason === 'EEXIST' || reason === 'ENOTDIR')
    return failure(`${folder} is not a folder`, 'name a folder with --store')
  return failure(
    `${folder} cannot be used (${reason})`,
    'let this user write there, or name another folder with --store',
  )
}
