import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { Failure, systemErrorCode } from './failure.ts'

const LOCK_NAME = '.tributary.lock'

/** Who holds a lock shows it this often. */
const BEAT_MS = 5_000

/** A lock that shows nothing for so long is a dead run's, on whatever machine it was. */
const DEAD_MS = 60_000

/**
 * Does `work` while no other run of ours writes to the folder. The lock of a run that was killed does not count.
 * @throws Failure when another run is at work
 */
export async function withFolderLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const path = join(folder, LOCK_NAME)
  const isLocked = await lock(path, folder)
  const beat = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), BEAT_MS)
  try {
    return await work()
  } finally {
    clearInterval(beat)
    if (isLocked) await rm(path, { force: true })
  }
}

/** @returns false where no lock can be made: the work says better what is wrong with the folder */
async function lock(path: string, folder: string): Promise<boolean> {
  // In place it is whole, though we may be killed at any moment.
  const draft = beside(path)
  try {
    await writeFile(draft, `${process.pid} ${hostname()}`)
    while (!(await isPut(draft, path))) await passDead(path, folder)
    return true
  } catch (error) {
    if (error instanceof Failure) throw error
    return false
  } finally {
    await rm(draft, { force: true }).catch(() => undefined)
  }
}

/** @returns false when there is a lock already */
async function isPut(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path)
    return true
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error
    return false
  }
}

/** Takes the lock of a dead run away. @throws Failure when its run is at work */
async function passDead(path: string, folder: string): Promise<void> {
  const holder = await readFile(path, 'utf8').catch(ifGone)
  if (holder === undefined) return // it has just gone
  if (!(await isDead(path, holder)) || !(await removeDead(path, holder)))
    throw new Failure(
      `another tributary manifest is at work on ${folder} (process ${holder})`,
      'let it finish, then run this again',
    )
}

function ifGone(error: unknown): undefined {
  if (systemErrorCode(error) !== 'ENOENT') throw error
}

/** A file name like those of unfinished files, which the next run removes. */
function beside(path: string): string {
  return join(dirname(path), `.tributary-${process.pid}-${draftCount++}.tmp`)
}
let draftCount = 0

async function isDead(path: string, holder: string): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined)
  if (!stats || Date.now() - stats.mtimeMs > DEAD_MS) return true
  const [pid, host] = holder.split(' ')
  return host === hostname() && !isRunning(Number(pid))
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return systemErrorCode(error) !== 'ESRCH' // another user's, which may not be asked
  }
}

/** @returns false when somebody else was faster, and holds the lock now */
async function removeDead(path: string, holder: string): Promise<boolean> {
  const aside = beside(path)
  await rename(path, aside).catch(ifGone)
  const moved = await readFile(aside, 'utf8').catch(ifGone)
  if (moved !== undefined && moved !== holder) {
    await rename(aside, path)
    return false
  }
  await rm(aside, { force: true })
  return true
}
