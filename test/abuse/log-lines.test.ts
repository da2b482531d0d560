/** A log line is short and harmless, whatever a client or a vendor wrote into it. */
import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../src/base/errors.ts'
import { createRedact } from '../../src/base/redact.ts'
import { createLog, type LogLine } from '../../src/telemetry/log.ts'
import { RequestRecords } from '../../src/telemetry/request-lifetime.ts'
import { startGateway, waitForLogLine } from '../support/gateway-process.ts'

const written = (isTerminal: boolean, redact = (text: string) => text) => {
  const pieces: string[] = []
  const sink = { isTerminal, write: (piece: string) => void pieces.push(piece) }
  const log = createLog(sink, { level: 'info', format: 'auto', redact })
  const text = () => {
    log.flush()
    return pieces.join('')
  }
  return { log, text }
}
const million = 'x'.repeat(1_000_000)

/** A request record in which a client or a vendor chose every text. */
const hostileLine = (records: RequestRecords, text: string): void => {
  const lifetime = records.begin(text, `/v1/${text}`)
  const attempt = lifetime.beginAttempt({
    target: { id: text, model: text, entry: { id: text }, credential: { digest: text } } as never,
    lease: { settle: () => undefined },
  })
  for (let n = 0; n < 60; n++) attempt.noteLoss(`messages[${n}].${text}`, text)
  Object.assign(lifetime.record, { caller: text, model: text, address: text, prompt: text })
  lifetime.close({ error: new GatewayError('upstream_failed', text, { cause: text, param: text }) })
}

describe('a log line', () => {
  for (const isTerminal of [false, true]) {
    const format = isTerminal ? 'for people' : 'in JSON'

    test(`${format} is at most 20,000 characters long, besides the prompt of at most 262,144`, () => {
      const { log, text } = written(isTerminal)
      hostileLine(new RequestRecords(log), million)
      expect(text().length).toBeLessThan(262_144 + 20_000)
      const without = written(isTerminal)
      without.log.write({
        level: 'info',
        message: million,
        list: Array(5000).fill(million),
        deep: { [million]: [million] },
      })
      expect(without.text().length).toBeLessThan(20_000)
    })

    test(`${format} contains no controls, no line separators and no marks of direction`, () => {
      const { log, text } = written(isTerminal)
      const evil = '\u0000\u001b[2J\u007f\u009b31m\r\n\u2028\u2029\u0085\u202e\u2066\u200f\u061c\ufeff\u200b'
      hostileLine(new RequestRecords(log), `a${evil}b`)
      const line = text().replaceAll(/\x1b\[\d+m/g, '')
      expect(line.trimEnd().split(/[\n\r\u0085\u2028\u2029]/)).toHaveLength(1)
      expect(line.trimEnd()).not.toMatch(/[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/)
      expect(line).toContain('\\u202e')
    })
  }

  test('in JSON still says what was written, after parsing', () => {
    const { log, text } = written(false)
    log.write({ level: 'info', message: 'a\u202eb\u2028c' })
    expect((JSON.parse(text()) as LogLine).message).toBe('a\u202eb\u2028c')
  })

  test('that is cut contains no part of a secret, wherever the cut falls', () => {
    const secret = `sk-${'0123456789abcdef'.repeat(8)}`
    for (const text of [
      ...Array.from({ length: 140 }, (_, n) => 'y'.repeat(870 + n) + secret + million),
      secret.repeat(3000),
      `${'y'.repeat(990)}${secret}`,
    ]) {
      const { log, text: output } = written(false, createRedact([secret]))
      log.write({ level: 'info', message: text })
      expect(output()).not.toContain('0123456789')
    }
  })

  test('of a request with names of megabytes is short', async () => {
    await using gateway = await startGateway({ services: { mock: [{ enabled: true, models: ['m'] }] } })
    for (const body of [{ model: million }, { model: 'm', [million]: 1 }, { model: 'm', messages: { [million]: 1 } }]) {
      const response = await fetch(`${gateway.url}/v1/messages?${'q'.repeat(2000)}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ max_tokens: 1, messages: [{ role: 'user', content: 'Hi' }], ...body }),
        proxy: false,
      } as RequestInit)
      await response.text()
      await waitForLogLine(gateway, response.headers.get('x-request-id')!)
    }
    for (const line of gateway.stdout().split('\n')) expect(line.length).toBeLessThan(20_000)
  })
})
