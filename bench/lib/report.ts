import { describeMachine, type Machine, machineLine } from './machine.ts'
import { shown, summarise } from './statistics.ts'

/** One figure of a table: a text, or what was measured with the digits to show. */
export type Cell = string | { readonly values: readonly number[]; readonly digits?: number }

export type Row = Readonly<Record<string, Cell>>

interface Target {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly atMost?: number
  readonly atLeast?: number
}

/** What one bench prints: a table with medians and ranges, and how they stand to the targets. Or the same as JSON. */
export class Report {
  readonly #name: string
  readonly #about: readonly string[]
  readonly #machine: Machine
  readonly #rows: Row[] = []
  readonly #targets: Target[] = []
  readonly #notes: string[] = []

  /** @param about what is compared, in lines */
  constructor(name: string, about: readonly string[]) {
    this.#name = name
    this.#about = about
    this.#machine = describeMachine()
  }

  add(row: Row): void {
    this.#rows.push(row)
  }

  target(target: Target): void {
    this.#targets.push(target)
  }

  note(text: string): void {
    this.#notes.push(text)
  }

  /** Writes to standard output. */
  print(asJson: boolean): void {
    console.log(asJson ? this.#json() : this.#text())
  }

  #json(): string {
    const rows = this.#rows.map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, cell]) => [
          name,
          typeof cell === 'string' || cell.values.length === 0
            ? cell
            : { ...summarise(cell.values), values: cell.values },
        ]),
      ),
    )
    const targets = this.#targets.map((target) => ({ ...target, met: isMet(target) }))
    const { length } = this.#notes
    return JSON.stringify({
      bench: this.#name,
      about: this.#about,
      machine: this.#machine,
      rows,
      targets,
      ...(length > 0 && { notes: this.#notes }),
    })
  }

  #text(): string {
    return [
      `${this.#name}: ${this.#about.join('\n  ')}`,
      `machine: ${machineLine(this.#machine)}`,
      '',
      ...tableOf(this.#rows),
      '',
      ...this.#targets.map(targetLine),
      ...this.#notes.map((note) => `note: ${note}`),
      '',
    ].join('\n')
  }
}

function isMet({ value, atMost, atLeast }: Target): boolean {
  return value <= (atMost ?? Number.POSITIVE_INFINITY) && value >= (atLeast ?? Number.NEGATIVE_INFINITY)
}

function targetLine(target: Target): string {
  const { name, value, unit, atMost, atLeast } = target
  const bound = atMost !== undefined ? `at most ${rounded(atMost)}` : `at least ${rounded(atLeast ?? 0)}`
  return `${isMet(target) ? 'met   ' : 'MISSED'} ${name}: ${rounded(value)} ${unit} (target ${bound} ${unit})`
}

function rounded(value: number): string {
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2)
}

function tableOf(rows: readonly Row[]): string[] {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const texts = rows.map((row) => columns.map((column) => textOf(row[column] ?? '')))
  const widths = columns.map((column, i) => Math.max(column.length, ...texts.map((line) => line[i]?.length ?? 0)))
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`
  return [line(columns), line(widths.map((width) => '-'.repeat(width))), ...texts.map(line)]
}

function textOf(cell: Cell): string {
  return typeof cell === 'string' ? cell : shown(cell.values, cell.digits)
}
