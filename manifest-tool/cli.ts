import { Command, CommanderError, Help, type Option } from 'commander'
import { addInitCommand } from './commands/init.ts'
import { addInspectCommand } from './commands/inspect.ts'
import { addManifestCommand } from './commands/manifest.ts'
import { addSeedCommand } from './commands/seed.ts'
import { addServeCommand } from './commands/serve.ts'
import { addVerifyCommand } from './commands/verify.ts'
import { Failure } from './failure.ts'
import { type Io, printLine } from './io.ts'
import { packageVersion } from './package-files.ts'

/** What a shell reports of a command that SIGINT ended. */
const INTERRUPTED = 130

/**
 * Runs the command line.
 * @param argv arguments without the program's name
 * @returns exit code: 0 good, 1 the work failed, 2 wrong use, 130 stopped by the user
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  try {
    await buildProgram(io).parseAsync([...argv], { from: 'user' })
    return 0
  } catch (error) {
    return reportError(error, io)
  }
}

function buildProgram(io: Io): Command {
  const program = new Command('tributary')
    .description('Lets the visitors of a site feed each other its large files, every chunk verified.')
    .version(packageVersion())
    .exitOverride()
    .configureHelp({ optionDescription })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
    })
  addInitCommand(program, io)
  addManifestCommand(program, io)
  addVerifyCommand(program, io)
  addInspectCommand(program, io)
  addServeCommand(program, io)
  addSeedCommand(program, io)
  for (const command of [program, ...program.commands]) pointToHelp(command)
  return program
}

/** Wrong use is answered with the help of the command that was meant. */
function pointToHelp(command: Command): void {
  const name = command.parent ? `${command.parent.name()} ${command.name()}` : command.name()
  command.configureOutput({ outputError: (text, write) => write(`${oneLine(text)} - see ${name} --help\n`) })
}

/** An option that may be repeated starts as an empty list: that is no default to tell of. */
function optionDescription(option: Option): string {
  return Array.isArray(option.defaultValue) ? option.description : new Help().optionDescription(option)
}

/** commander may add a suggestion on a line of its own. */
function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, ' ')
}

function reportError(error: unknown, io: Io): number {
  // commander has printed its message already; help and version come this way too.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (io.signal.aborted) {
    printLine(io.stderr, 'stopped')
    return INTERRUPTED
  }
  if (error instanceof Failure) {
    printLine(io.stderr, `error: ${error.message} - ${error.mend}`)
    return error.exitCode
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
  printLine(io.stderr, `error: ${detail}\n - this is a defect of tributary: please report it with the lines above`)
  return 1
}
