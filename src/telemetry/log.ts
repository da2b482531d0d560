/**
 * The log: JSON for machines, one readable line on a terminal. Lines are written in batches, and nothing waits for
 * them.
 */

import type { Redact } from '../base/redact.ts'
import type { LogLevel } from '../config/compiled.ts'
import { boundFields, escapeUnprintable } from './log-text.ts'

/** One log line: `message` first, then its fields. Undefined fields are left out. */
export type LogLine = { level: LogLevel; message: string; [field: string]: unknown }
export type Log = {
  write: (line: LogLine) => void
  /** Writes everything logged so far to the sink. */
  flush: () => void
  /** Applies the log level, format and secrets of a new configuration. */
  configure: (settings: LogSettings) => void
}
export type LogSettings = { level: LogLevel; format: 'auto' | 'json'; redact: Redact }
/** Where lines go. `write` takes complete lines. */
type LogSink = { write: (text: string) => void; isTerminal: boolean }

const severities: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 }
/** Milliseconds a line may wait for others. */
const flushDelay = 100

/**
 * Creates a log. Lines below the level are dropped immediately. The others are rendered immediately, because text keeps
 * less memory alive than the objects it describes. Each is redacted when all are written together.
 */
export const createLog = (sink: LogSink, initial: LogSettings): Log => {
  let settings = initial
  let lines: string[] = []
  let timer: ReturnType<typeof setTimeout> | undefined

  const flush = () => {
    if (timer !== undefined) clearTimeout(timer)
    timer = undefined
    if (lines.length === 0) return
    const text = lines.map(settings.redact).join('')
    lines = []
    sink.write(text)
  }

  return {
    flush,
    configure: newSettings => {
      flush()
      settings = newSettings
    },
    write(line) {
      if (severities[line.level] < severities[settings.level]) return
      const render = sink.isTerminal && settings.format === 'auto' ? renderPretty : renderJson
      lines.push(render(new Date(), boundFields(line, settings.redact) as LogLine))
      timer ??= setTimeout(flush, flushDelay)
    },
  }
}

/** Standard output. A closed pipe does not stop the process. */
export const standardOutput = (): LogSink => {
  const writer = Bun.stdout.writer()
  const ignore = () => undefined
  return {
    isTerminal: process.stdout.isTTY === true,
    write(text) {
      try {
        writer.write(text)
        const flushing = writer.flush()
        if (flushing instanceof Promise) flushing.catch(ignore)
      } catch {
        // Nobody reads the log any more, but the gateway keeps serving.
      }
    },
  }
}

const renderJson = (now: Date, line: LogLine): string =>
  `{"time":"${now.toISOString()}",${escapeUnprintable(JSON.stringify(line)).slice(1)}\n`

const colours: Record<LogLevel, string> = { debug: '\x1b[2m', info: '\x1b[32m', warn: '\x1b[33m', error: '\x1b[31m' }
const resetColour = '\x1b[0m'

const renderPretty = (now: Date, { level, message, ...fields }: LogLine): string => {
  const pairs = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${renderValue(value)}`],
  )
  const time = now.toTimeString().slice(0, 8)
  return `${time} ${colours[level]}${level.padEnd(5)}${resetColour} ${escapeUnprintable(message)} ${pairs.join(' ')}\n`
}

const renderValue = (value: unknown): string =>
  escapeUnprintable(typeof value === 'string' && /^[\w.:/@-]+$/.test(value) ? value : JSON.stringify(value))
