/** The output of `probe`: the progress line, the table and the JSON report. */
import type { ProbeResult } from '../../gateway/probe/ask.ts'
import type { Probe } from '../../gateway/probe/targets.ts'

export type ProbedTarget = { probe: Probe; outcome: ProbeResult }
type ProbeCounts = { ok: number; failed: number; skipped: number }

export const countResults = (all: readonly ProbedTarget[]): ProbeCounts => {
  const count = (result: ProbeResult['result']) => all.filter(({ outcome }) => outcome.result === result).length
  return { ok: count('ok'), failed: count('failed'), skipped: count('skipped') }
}

/** A vendor's text on one line, without control characters. */
const singleLine = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim()
const shorten = (text: string, maxLength: number): string =>
  text.length > maxLength ? `${text.slice(0, maxLength - 1)}…` : text

const resultLabels: Record<ProbeResult['result'], string> = { ok: 'ok', failed: 'failed', skipped: 'not probed' }
const resultColors: Record<ProbeResult['result'], number> = { ok: 32, failed: 31, skipped: 33 }

const timeOf = ({ result, milliseconds }: ProbeResult): string =>
  result === 'skipped' ? '' : `${Math.round(milliseconds)} ms`
const tokensOf = ({ usage }: ProbeResult): string => (usage ? `${usage.input} + ${usage.output}` : '')
const reasonOf = (outcome: ProbeResult): string => {
  if (outcome.result === 'ok') return ''
  if (outcome.result === 'skipped') return singleLine(outcome.reason)
  const { explanation, vendorMessage } = outcome.verdict
  return shorten(singleLine(vendorMessage === undefined ? explanation : `${explanation}: ${vendorMessage}`), 240)
}

/** Columns: target, result, time, tokens in + out, and the reason of a failure. */
export const renderTable = (all: readonly ProbedTarget[], { color }: { color: boolean }): string => {
  const header = ['target', 'result', 'time', 'tokens', '']
  const rows = all.map(({ probe, outcome }) => [
    singleLine(probe.label),
    resultLabels[outcome.result],
    timeOf(outcome),
    tokensOf(outcome),
    reasonOf(outcome),
  ])
  const widths = header.map((_, at) => Math.max(...[header, ...rows].map(row => row[at]!.length)))
  const renderRow = (row: string[], paint: (text: string) => string) =>
    `${row.map((cell, at) => pad(cell, at, widths[at]!, paint)).join('  ')}`.trimEnd()
  const painterFor = (at: number) => (text: string) =>
    color ? `\x1b[${resultColors[all[at]!.outcome.result]}m${text}\x1b[0m` : text
  return `${[renderRow(header, text => text), ...rows.map((row, at) => renderRow(row, painterFor(at)))].join('\n')}\n\n${summaryOf(all)}\n`
}

/** Times are right-aligned. The last column is not padded. */
const pad = (cell: string, at: number, width: number, paint: (text: string) => string): string => {
  if (at === 1) return paint(cell) + ' '.repeat(width - cell.length)
  if (at === 2) return cell.padStart(width)
  return at === 4 ? cell : cell.padEnd(width)
}

const summaryOf = (all: readonly ProbedTarget[]): string => {
  const { ok, failed, skipped } = countResults(all)
  return `${ok} ok, ${failed} failed${skipped > 0 ? `, ${skipped} not probed` : ''}`
}

/** One object with the counts and one row per target. */
export const renderJson = (all: readonly ProbedTarget[], interrupted: boolean): string => {
  const targets = all.map(({ probe, outcome }) => ({
    target: singleLine(probe.label),
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
  return `${JSON.stringify({ ...countResults(all), interrupted, targets }, undefined, 2)}\n`
}

type ProbeScreen = { write: (text: string) => unknown; isTTY?: boolean; columns?: number }
export type ProbeProgress = { begin: (probe: Probe) => void; end: (probed: ProbedTarget) => void; close: () => void }

/** On a terminal the progress is one line that is rewritten. Otherwise one line is written per finished target. */
export const createProgress = (screen: ProbeScreen, total: number): ProbeProgress => {
  const running = new Set<Probe>()
  let completed = 0
  const draw = () => {
    const text = `${completed}/${total}  ${[...running].map(({ label }) => singleLine(label)).join(', ')}`
    screen.write(`\r\x1b[2K${shorten(text, (screen.columns || 80) - 1)}`)
  }
  const writeLine = ({ probe, outcome }: ProbedTarget) => {
    const parts = [resultLabels[outcome.result], timeOf(outcome), reasonOf(outcome)].filter(Boolean)
    screen.write(`${completed}/${total} ${singleLine(probe.label)}: ${parts.join(', ')}\n`)
  }
  return {
    begin(probe) {
      running.add(probe)
      if (screen.isTTY) draw()
    },
    end(probed) {
      running.delete(probed.probe)
      completed++
      if (screen.isTTY) draw()
      else writeLine(probed)
    },
    close() {
      if (screen.isTTY) screen.write('\r\x1b[2K')
    },
  }
}
