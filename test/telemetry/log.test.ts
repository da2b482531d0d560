import { expect, test } from 'bun:test'
import { GatewayError } from '../../src/base/errors.ts'
import { createRedact } from '../../src/base/redact.ts'
import { createLog, type LogSettings } from '../../src/telemetry/log.ts'
import { RequestRecords } from '../../src/telemetry/request-lifetime.ts'

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

test('lines are written together, and without lines nothing is written', () => {
  const written: string[] = []
  const sink = { isTerminal: false, write: (text: string) => written.push(text) }
  const log = createLog(sink, { level: 'info', format: 'auto', redact: text => text })
  log.flush()
  expect(written).toEqual([])
  log.write({ level: 'info', message: 'one' })
  log.write({ level: 'info', message: 'two' })
  log.flush()
  log.flush()
  expect(written.map(text => text.split('\n').length)).toEqual([3])
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
const target = { id: 't', model: 'm', entry: { id: 'e' }, credential: { digest: 'd' } } as never

test('a request lifetime closes only once, whoever closes it', () => {
  const { log, lines } = createTestLog()
  const records = new RequestRecords(log)
  const lifetime = records.begin('POST', '/v1/chat/completions')
  const lease = createLease()
  const attempt = lifetime.beginAttempt({ target, lease })
  attempt.reachedVendor = true
  attempt.usage = { input: 3, output: 4 }
  lifetime.close()
  lifetime.cancel()
  lifetime.close({ error: new GatewayError('internal', 'late') })
  expect(lease.settled).toEqual([7])
  expect(records.active.size).toBe(0)
  expect(lines().map(line => JSON.parse(line).status)).toEqual([200])
})

test('a disconnect stops the work in progress, and a later lease is settled immediately', () => {
  const { log, lines } = createTestLog()
  const lifetime = new RequestRecords(log).begin('POST', '/')
  const stopped: string[] = []
  lifetime.stopAtEnd({ stop: error => void stopped.push(error.code) })
  lifetime.cancel()
  const lateLease = createLease()
  lifetime.beginAttempt({ target, lease: lateLease })
  expect(stopped).toEqual(['cancelled'])
  expect(lifetime.signal.aborted).toBe(true)
  expect(lateLease.settled).toEqual([0])
  expect(() => lifetime.throwIfEnded()).toThrow('the client left')
  expect(JSON.parse(lines()[0]!)).toMatchObject({ status: 499, error: { code: 'cancelled' } })
})

test('a lease without a token count is settled with 0 only if no vendor was reached', () => {
  for (const [reached, tokens] of [
    [false, 0],
    [true, undefined],
  ] as const) {
    const lifetime = new RequestRecords(createTestLog().log).begin('POST', '/')
    const lease = createLease()
    lifetime.beginAttempt({ target, lease }).reachedVendor = reached
    lifetime.close()
    expect(lease.settled).toEqual([tokens])
  }
})

test('an attempt that is followed by another is charged with what it used, and only the last one is reported', () => {
  const { log, lines } = createTestLog()
  const lifetime = new RequestRecords(log).begin('POST', '/')
  const leases = [createLease(), createLease(), createLease(), createLease()]
  const attempts = leases.map((lease, index) => {
    const attempt = lifetime.beginAttempt({ target, lease })
    attempt.noteLoss('container', 'no place for it')
    if (index < leases.length - 1) attempt.end(new GatewayError('upstream_failed', 'broken'))
    return attempt
  })
  expect(leases.map(({ settled }) => settled)).toEqual([[0], [0], [0], []])
  attempts.at(-1)!.usage = { input: 1, output: 2 }
  expect(lifetime.losses).toEqual(['container: no place for it'])
  lifetime.close()
  expect(leases.map(({ settled }) => settled)).toEqual([[0], [0], [0], [3]])
  expect(JSON.parse(lines()[0]!)).toMatchObject({ attempts: 4, losses: ['container: no place for it'] })
})

test('the tokens of an attempt that a vendor worked on stay charged when another attempt follows', () => {
  const lifetime = new RequestRecords(createTestLog().log).begin('POST', '/')
  const leases = [createLease(), createLease(), createLease()]
  lifetime.beginAttempt({ target, lease: leases[0]! }).reachedVendor = true
  const counted = lifetime.beginAttempt({ target, lease: leases[1]! })
  counted.reachedVendor = true
  counted.usage = { input: 5, output: 6 }
  lifetime.beginAttempt({ target, lease: leases[2]! })
  lifetime.close()
  expect(leases.map(({ settled }) => settled)).toEqual([[undefined], [11], [0]])
})
