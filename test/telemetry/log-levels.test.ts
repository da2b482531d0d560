/** Every level of the log against every level of a line. */
import { describe, expect, test } from 'bun:test'
import type { LogLevel } from '../../src/config/compiled.ts'
import { createLog } from '../../src/telemetry/log.ts'

const levels: LogLevel[] = ['debug', 'info', 'warn', 'error']

const writtenAt = (level: LogLevel, isTerminal = false): string[] => {
  const written: string[] = []
  const log = createLog(
    { isTerminal, write: text => written.push(text) },
    { level, format: 'auto', redact: text => text },
  )
  for (const lineLevel of levels) log.write({ level: lineLevel, message: `a line of ${lineLevel}` })
  log.flush()
  return written.join('').split('\n').filter(Boolean)
}

describe('a log of the level', () => {
  test.each([
    ['debug', ['debug', 'info', 'warn', 'error']],
    ['info', ['info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['error', ['error']],
  ] as const)('%s has lines of %j', (level, expected) =>
    expect(writtenAt(level).map(line => (JSON.parse(line) as { level: LogLevel }).level)).toEqual([...expected]),
  )
})

// ECMA-48: 2 faint, 31 red, 32 green, 33 yellow.
test.each([
  ['debug', '\x1b[2mdebug\x1b[0m'],
  ['info', '\x1b[32minfo \x1b[0m'],
  ['warn', '\x1b[33mwarn \x1b[0m'],
  ['error', '\x1b[31merror\x1b[0m'],
] as const)('on a terminal %s has a color of its own', (level, coloured) => {
  const line = writtenAt('debug', true).find(text => text.includes(`a line of ${level}`))!
  expect(line).toContain(` ${coloured} a line of ${level}`)
})
