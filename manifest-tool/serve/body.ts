import { type FileHandle, open } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { KiB } from '../../protocol/units.ts'
import type { Egress } from './egress.ts'

/** Where the bytes of a body come from. */
export interface BodySource {
  /** Exactly the bytes from `start`, at most `length` of them; empty when there are no more. */
  read(start: number, length: number): Promise<Uint8Array>
  close(): Promise<void>
}

/** A write is counted when the system has taken all of it, so this bounds what an aborted response leaves uncounted. */
const MAX_WRITE = 64 * KiB

export interface BodyOptions {
  /** First byte of the source to send. */
  readonly start: number
  /** Bytes to send: the response's Content-Length. */
  readonly length: number
  readonly egress: Egress
  /** Told after each write how many bytes the system has taken. */
  readonly onWritten: (bytes: number) => void
}

/**
 * Writes a body turn by turn and ends the response. When the source has too few bytes, or the client leaves, the
 * connection is cut: a response that ends early must never look complete.
 */
export async function writeBody(response: ServerResponse, source: BodySource, options: BodyOptions): Promise<void> {
  const gone = new AbortController()
  const onClose = () => gone.abort()
  response.once('close', onClose)
  try {
    for (let sent = 0; sent < options.length; ) {
      const turn = await options.egress.turn(Math.min(MAX_WRITE, options.length - sent), gone.signal)
      const bytes = await source.read(options.start + sent, turn)
      if (bytes.length === 0) throw new Error('the file is shorter than announced')
      await write(response, bytes, gone.signal)
      options.onWritten(bytes.length)
      sent += bytes.length
    }
    response.end()
  } catch {
    response.destroy()
  } finally {
    response.off('close', onClose)
    await source.close()
  }
}

/** Resolves when the system has taken the bytes; rejects when the client has gone. */
function write(response: ServerResponse, bytes: Uint8Array, gone: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    gone.throwIfAborted()
    const leave = () => reject(gone.reason)
    gone.addEventListener('abort', leave, { once: true })
    response.write(bytes, (error) => {
      gone.removeEventListener('abort', leave)
      if (error) reject(error)
      else resolve()
    })
  })
}

export function bufferSource(bytes: Uint8Array): BodySource {
  return {
    read: async (start, length) => bytes.subarray(start, start + length),
    close: async () => {},
  }
}

/** @throws the system's error when the file cannot be opened */
export async function fileSource(path: string): Promise<BodySource> {
  const file: FileHandle = await open(path, 'r')
  const buffer = Buffer.allocUnsafe(MAX_WRITE)
  return {
    read: async (start, length) => {
      const { bytesRead } = await file.read(buffer, 0, Math.min(length, buffer.length), start)
      return buffer.subarray(0, bytesRead)
    },
    close: () => file.close(),
  }
}
