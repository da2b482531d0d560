/** Lines for the operator: JSON for machines, one readable line on a terminal. Written in batches, waited for by nobody. */

import type { Redact } from '../base/redact.ts'
import type { LogLevel } from '../config/compiled.ts'

/** What a line says; `message` first, then whatever belongs to it. Undefined fields are left out. */
export type Line = { level: LogLevel; message: string; [field: string]: unknown }
export type Log = {
  write: (line: Line) => void
  /** Everything written so far is on its way out. */
  flush: () => void
  /** A new configuration has other levels and other secrets. */
  configure: (settings: LogSettings) => void
}
export type LogSettings = { level: LogLevel; format: 'auto' | 'json'; redact: Redact }
/** Where lines go: `write` takes whole lines. */
export type Sink = { write: (text: string) => void; terminal: boolean }

const ranks: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 }
/** Milliseconds a line may wait for others. */
const delay = 100

/**
 * Lines below the level are dropped at once. The rest become text at once, which keeps less alive than what it tells, and are scrubbed
 * and written together.
 */
export const createLog = (sink: Sink, initial: LogSettings): Log => {
  let settings = initial
  let waiting = ''
  let timer: ReturnType<typeof setTimeout> | undefined

  const flush = () => {
    if (timer !== undefined) clearTimeout(timer)
    timer = undefined
    if (waiting === '') return
    const text = settings.redact(waiting)
    waiting = ''
    sink.write(text)
  }

  return {
    flush,
    configure: changed => {
      flush()
      settings = changed
    },
    write(line) {
      if (ranks[line.level] < ranks[settings.level]) return
      const render = sink.terminal && settings.format === 'auto' ? renderPretty : renderJson
      waiting += render(new Date(), line)
      timer ??= setTimeout(flush, delay)
    },
  }
}

/** Standard output; a closed pipe is no reason to fall. */
export const standardOutput = (): Sink => {
  const writer = Bun.stdout.writer()
  const ignore = () => undefined
  return {
    terminal: process.stdout.isTTY === true,
    write(text) {
      try {
        writer.write(text)
        const flushed = writer.flush()
        if (flushed instanceof Promise) flushed.catch(ignore)
      } catch {
        // Nobody reads the log any more: serving goes on.
      }
    },
  }
}

const renderJson = (at: Date, line: Line): string => `{"time":"${at.toISOString()}",${JSON.stringify(line).slice(1)}\n`

const colours: Record<LogLevel, string> = { debug: '\x1b[2m', info: '\x1b[32m', warn: '\x1b[33m', error: '\x1b[31m' }
const plain = '\x1b[0m'

const renderPretty = (at: Date, { level, message, ...fields }: Line): string => {
  const rest = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${show(value)}`],
  )
  const time = at.toTimeString().slice(0, 8)
  return `${time} ${colours[level]}${level.padEnd(5)}${plain} ${clean(message)} ${rest.join(' ')}\n`
}

const show = (value: unknown): string =>
  clean(typeof value === 'string' && /^[\w.:/@-]+$/.test(value) ? value : JSON.stringify(value))
/** A line stays one line and cannot steer the terminal, whatever a client wrote into it. */
const clean = (text: string): string => text.replace(/[\x00-\x1f\x7f-\x9f]/g, ' ')
