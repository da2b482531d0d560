/** What a probe shows: the line that tells how far it is, the table, and the same for machines. */
import type { ProbeResult } from '../../gateway/probe/ask.ts'
import type { Probe } from '../../gateway/probe/targets.ts'

export type Probed = { probe: Probe; outcome: ProbeResult }
export type Count = { ok: number; failed: number; skipped: number }

export const countOf = (all: readonly Probed[]): Count => {
  const of = (result: ProbeResult['result']) => all.filter(({ outcome }) => outcome.result === result).length
  return { ok: of('ok'), failed: of('failed'), skipped: of('skipped') }
}

/** A vendor's words on one line, without anything a terminal would obey. */
const plain = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim()
const shorten = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text)

const words: Record<ProbeResult['result'], string> = { ok: 'ok', failed: 'failed', skipped: 'not probed' }
const colours: Record<ProbeResult['result'], number> = { ok: 32, failed: 31, skipped: 33 }

const timeOf = ({ result, milliseconds }: ProbeResult): string =>
  result === 'skipped' ? '' : `${Math.round(milliseconds)} ms`
const tokensOf = ({ usage }: ProbeResult): string => (usage ? `${usage.input} + ${usage.output}` : '')
const reasonOf = (outcome: ProbeResult): string => {
  if (outcome.result === 'ok') return ''
  if (outcome.result === 'skipped') return plain(outcome.reason)
  const { explanation, vendorMessage } = outcome.verdict
  return shorten(plain(vendorMessage === undefined ? explanation : `${explanation}: ${vendorMessage}`), 240)
}

/** Columns: target, result, time, tokens in + out, and what was wrong. */
export const tableOf = (all: readonly Probed[], { color }: { color: boolean }): string => {
  const head = ['target', 'result', 'time', 'tokens', '']
  const rows = all.map(({ probe, outcome }) => [
    plain(probe.label),
    words[outcome.result],
    timeOf(outcome),
    tokensOf(outcome),
    reasonOf(outcome),
  ])
  const widths = head.map((_, at) => Math.max(...[head, ...rows].map(row => row[at]!.length)))
  const line = (row: string[], paint: (text: string) => string) =>
    `${row.map((cell, at) => pad(cell, at, widths[at]!, paint)).join('  ')}`.trimEnd()
  const painted = (at: number) => (text: string) =>
    color ? `\x1b[${colours[all[at]!.outcome.result]}m${text}\x1b[0m` : text
  return `${[line(head, text => text), ...rows.map((row, at) => line(row, painted(at)))].join('\n')}\n\n${summaryOf(all)}\n`
}

/** Times stand to the right, the last column as it is. */
const pad = (cell: string, at: number, width: number, paint: (text: string) => string): string => {
  if (at === 1) return paint(cell) + ' '.repeat(width - cell.length)
  if (at === 2) return cell.padStart(width)
  return at === 4 ? cell : cell.padEnd(width)
}

const summaryOf = (all: readonly Probed[]): string => {
  const { ok, failed, skipped } = countOf(all)
  return `${ok} ok, ${failed} failed${skipped > 0 ? `, ${skipped} not probed` : ''}`
}

/** One object: the counts, and a row a target. */
export const jsonOf = (all: readonly Probed[], interrupted: boolean): string => {
  const targets = all.map(({ probe, outcome }) => ({
    target: plain(probe.label),
    entry: probe.target.entry.id,
    type: probe.target.entry.type,
    credential: probe.target.credential.index + 1,
    model: probe.target.model,
    names: probe.names,
    result: outcome.result,
    ...(outcome.result !== 'skipped' && { ms: Math.round(outcome.milliseconds) }),
    ...(outcome.usage && { tokens: { input: outcome.usage.input, output: outcome.usage.output } }),
    ...(outcome.result === 'failed' && { fault: outcome.verdict.kind }),
    ...(outcome.result !== 'ok' && { reason: reasonOf(outcome) }),
  }))
  return `${JSON.stringify({ ...countOf(all), interrupted, targets }, undefined, 2)}\n`
}

export type Screen = { write: (text: string) => unknown; isTTY?: boolean; columns?: number }
export type Progress = { begin: (probe: Probe) => void; end: (probed: Probed) => void; close: () => void }

/** On a terminal one line that rewrites itself, elsewhere a line for each target that is through. */
export const createProgress = (screen: Screen, all: number): Progress => {
  const running = new Set<Probe>()
  let through = 0
  const draw = () => {
    const text = `${through}/${all}  ${[...running].map(({ label }) => plain(label)).join(', ')}`
    screen.write(`\r\x1b[2K${shorten(text, (screen.columns || 80) - 1)}`)
  }
  const tell = ({ probe, outcome }: Probed) => {
    const parts = [words[outcome.result], timeOf(outcome), reasonOf(outcome)].filter(Boolean)
    screen.write(`${through}/${all} ${plain(probe.label)}: ${parts.join(', ')}\n`)
  }
  return {
    begin(probe) {
      running.add(probe)
      if (screen.isTTY) draw()
    },
    end(probed) {
      running.delete(probed.probe)
      through++
      if (screen.isTTY) draw()
      else tell(probed)
    },
    close() {
      if (screen.isTTY) screen.write('\r\x1b[2K')
    },
  }
}
