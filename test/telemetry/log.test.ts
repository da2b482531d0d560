import { expect, test } from 'bun:test'
import { GatewayError } from '../../src/base/errors.ts'
import { createRedact } from '../../src/base/redact.ts'
import { createLog, type LogSettings } from '../../src/telemetry/log.ts'
import { RequestRecords } from '../../src/telemetry/request-record.ts'

const createTestLog = (settings: Partial<LogSettings> = {}, terminal = false) => {
  const written: string[] = []
  const log = createLog(
    { isTerminal: terminal, write: text => written.push(text) },
    { level: 'info', format: 'auto', redact: text => text, ...settings },
  )
  const lines = () => {
    log.flush()
    return written.join('').split('\n').filter(Boolean)
  }
  return { log, lines }
}

test('a log line is one JSON object with its time', () => {
  const { log, lines } = createTestLog()
  log.write({ level: 'info', message: 'request', id: 'r1', model: undefined })
  const [line] = lines()
  expect(JSON.parse(line!)).toEqual({
    time: expect.stringMatching(/^\d{4}-.*Z$/),
    level: 'info',
    message: 'request',
    id: 'r1',
  })
})

test('lines below the log level are not written', () => {
  const { log, lines } = createTestLog({ level: 'warn' })
  log.write({ level: 'info', message: 'quiet' })
  log.write({ level: 'error', message: 'loud' })
  expect(lines().map(line => JSON.parse(line).message)).toEqual(['loud'])
})

test('a secret is redacted in every encoding it may have', () => {
  const secret = 'sk-a/b"c+d=e'
  const { log, lines } = createTestLog({ redact: createRedact([secret]) })
  const forms = [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')]
  log.write({ level: 'info', message: 'request', forms, prompt: JSON.stringify({ key: secret }) })
  const text = lines().join('')
  for (const form of [...forms, JSON.stringify(secret).slice(1, -1)]) expect(text).not.toContain(form)
})

test('on a terminal a line is readable: the time, the level, the message, and each field as name=value', () => {
  const { log, lines } = createTestLog({}, true)
  log.write({ level: 'warn', message: 'request', id: 'r1', error: { code: 'limited' }, model: undefined })
  expect(lines()[0]!.replaceAll(/\x1b\[\d+m/g, '')).toMatch(
    /^\d\d:\d\d:\d\d warn {2}request id=r1 error=\{"code":"limited"\}$/,
  )
  const json = createTestLog({ format: 'json' }, true)
  json.log.write({ level: 'info', message: 'request' })
  expect(JSON.parse(json.lines()[0]!).message).toBe('request')
})

test('on a terminal a line cannot contain line breaks or control sequences', () => {
  const { log, lines } = createTestLog({}, true)
  log.write({ level: 'warn', message: 'request', model: 'evil\n\x1b[2Jmodel' })
  expect(lines()).toHaveLength(1)
  expect(lines().join('')).not.toContain('\x1b[2J')
})

const createLease = () => {
  const settled: (number | undefined)[] = []
  return { settled, settle: (tokens?: number) => void settled.push(tokens) }
}
const target = { id: 't', model: 'm' } as never

test('a request record closes only once, whoever closes it', () => {
  const { log, lines } = createTestLog()
  const records = new RequestRecords(log)
  const record = records.begin('POST', '/v1/chat/completions')
  const lease = createLease()
  record.holdLease({ target, lease: lease })
  record.reachedVendor = true
  record.usage = { input: 3, output: 4 }
  record.close()
  record.cancel()
  record.close({ error: new GatewayError('internal', 'late') })
  expect(lease.settled).toEqual([7])
  expect(records.active.size).toBe(0)
  expect(lines().map(line => JSON.parse(line).status)).toEqual([200])
})

test('a disconnect stops the work in progress, and a later lease is settled immediately', () => {
  const { log, lines } = createTestLog()
  const record = new RequestRecords(log).begin('POST', '/')
  const stopped: string[] = []
  record.cancellable = { stop: error => void stopped.push(error.code) }
  record.cancel()
  const lateLease = createLease()
  record.holdLease({ target, lease: lateLease })
  expect(stopped).toEqual(['cancelled'])
  expect(record.signal.aborted).toBe(true)
  expect(lateLease.settled).toEqual([0])
  expect(() => record.throwIfEnded()).toThrow('the client left')
  expect(JSON.parse(lines()[0]!)).toMatchObject({ status: 499, error: { code: 'cancelled' } })
})

test('a lease without a token count is settled with 0 only if no vendor was reached', () => {
  for (const [reached, tokens] of [
    [false, 0],
    [true, undefined],
  ] as const) {
    const record = new RequestRecords(createTestLog().log).begin('POST', '/')
    const lease = createLease()
    record.holdLease({ target, lease: lease })
    record.reachedVendor = reached
    record.close()
    expect(lease.settled).toEqual([tokens])
  }
})
