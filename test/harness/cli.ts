import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Writable } from 'node:stream'
import { run } from '../../manifest-tool/cli.ts'
import { makeScratch, type Owner } from './scratch.ts'

export interface CliResult {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs the command line in this process. */
export async function runCli(argv: readonly string[], options: { signal?: AbortSignal } = {}): Promise<CliResult> {
  const out = new TextSink()
  const err = new TextSink()
  const signal = options.signal ?? new AbortController().signal
  const code = await run(argv, { stdout: out, stderr: err, signal })
  return { code, out: out.text, err: err.text }
}

/** Keeps what is written to it. */
export class TextSink extends Writable {
  text = ''

  override _write(chunk: Buffer | string, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString()
    this.emit('text')
    done()
  }
}

/** Makes a folder with files: name to contents. */
export async function makeFolder(owner: Owner, files: Readonly<Record<string, Uint8Array | string>>): Promise<string> {
  const dir = join(await makeScratch(owner, 'folder'), 'public')
  await mkdir(dir)
  for (const [name, contents] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true })
    await writeFile(join(dir, name), contents)
  }
  return dir
}
