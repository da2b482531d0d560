/**
 * Each way out of the process besides a vendor's answer, which `redaction.test.ts` covers: the log, the command line, what
 * is piped. And what must not be changed: content.
 */
import { afterAll, describe, expect, test } from 'bun:test'
import { createRedact } from '../../../src/base/redact.ts'
import { RuntimeSecrets } from '../../../src/base/secrets/runtime-secrets.ts'
import { eventLines, RedactedReader } from '../../../src/downstream/redacted-bytes.ts'
import { createLog } from '../../../src/telemetry/log.ts'
import { createProxies } from '../../../src/upstream/connection/proxy.ts'
import { runGateway } from '../../support/gateway-process.ts'
import { scriptedUpstream } from '../../support/scripted-upstream.ts'
import { refuse } from '../../support/upstream-scripts.ts'
import { createGateway } from './gateway.ts'
import { wholeAnswer } from './places.ts'
import { randomFrom, reveals, spell } from './spellings.ts'

const secret = 'sk-proj-Zr8/Qk3+vN5_wB7-xT2=Yh'
const { exchange, stop } = createGateway()
afterAll(stop)

describe('the log', () => {
  test.each([true, false])(
    'of a terminal (%p) holds no secret in a message, a field, its name or the cause of an error',
    isTerminal => {
      const written: string[] = []
      const redact = createRedact([secret])
      const log = createLog(
        { isTerminal, write: text => void written.push(text) },
        { level: 'debug', format: 'auto', redact },
      )
      for (let seed = 1; seed <= 300; seed++) {
        const text = spell(secret, randomFrom(seed))
        const error = { code: 'x', cause: `HTTP 500: ${text}` }
        log.write({ level: 'error', message: text, [text]: text, nested: { [text]: [text] }, error })
      }
      log.flush()
      const lines = written.join('')
      expect(lines.length).toBeGreaterThan(1000)
      expect(lines.split('\n').filter(line => reveals(line, secret))).toEqual([])
    },
  )
})

describe('the command line', () => {
  const configOf = (url: string, key: string, model = 'm') => ({
    'config.json': JSON.stringify({
      services: {
        openai: [{ enabled: true, models: [model], server_url: `${url}/v1`, credentials: { api_key: key } }],
      },
    }),
  })

  test.each([[[]], [['--json']]])('probe %j prints no secret that a vendor repeats', async options => {
    const base64 = Buffer.from(`Bearer ${secret}`).toString('base64')
    const message = `before ${encodeURIComponent(secret)} and ${base64} after`
    const upstream = await scriptedUpstream(refuse(400, { error: { message, type: secret, code: base64 } }))
    const { stdout, stderr } = await runGateway(['probe', ...options], { files: configOf(upstream.url, secret) })
    await upstream.close()
    expect(stdout).toContain('before')
    expect(reveals(stdout + stderr, secret)).toBe(false)
  })

  test.each(['check', 'models'])('%s prints no secret that a name of the configuration repeats', async command => {
    const files = configOf('http://127.0.0.1:9', 'Zr8Qk3vN5wB7xT2Yh', 'Zr8Qk3vN5wB7xT2Yh')
    const { stdout, stderr } = await runGateway([command], { files })
    expect(stdout).not.toBe('')
    expect(reveals(stdout + stderr, 'Zr8Qk3vN5wB7xT2Yh')).toBe(false)
  })
})

describe('a secret of run time', () => {
  const redactedBy = (secrets: RuntimeSecrets, text: string): boolean => createRedact([], secrets)(text) !== text

  test('is redacted from the moment it is added', () => {
    const secrets = new RuntimeSecrets()
    const redact = createRedact([], secrets)
    expect(redact(`token ${secret}`)).toBe(`token ${secret}`)
    secrets.add(secret, Date.now() + 1000)
    expect(redact(`token ${secret} ${Buffer.from(secret).toString('hex')}`)).toBe('token ••• •••')
  })

  test('is forgotten beyond the bound, first the one that expires first', () => {
    const secrets = new RuntimeSecrets()
    const name = (index: number) => `secret-number-${index}-${'x'.repeat(40)}`
    secrets.add('token-of-an-hour-1234', Date.now() + 3_600_000)
    for (let index = 0; index < 20_000; index++) secrets.add(name(index), Date.now() + 60_000 + index)
    expect(secrets.size).toBeLessThanOrEqual(8192)
    expect(redactedBy(secrets, 'token-of-an-hour-1234')).toBe(true)
    expect(redactedBy(secrets, name(19_999))).toBe(true)
    expect(redactedBy(secrets, name(0))).toBe(false)
  })

  test('is bounded in characters too', () => {
    const secrets = new RuntimeSecrets()
    for (let index = 0; index < 50; index++) secrets.add(`${index}-${'y'.repeat(100_000)}`, Date.now() + 1000)
    expect(secrets.size).toBeLessThan(12)
  })

  test('is the account of a proxy in the environment, and the password of the bridge to a SOCKS proxy', async () => {
    const secrets = new RuntimeSecrets()
    const { proxyFor, close } = createProxies(secrets)
    const proxy = await proxyFor('https://vendor.example/v1', 'socks5://proxy-user:proxy-Pa55word@127.0.0.1:9')
    const bridge = new URL((proxy as { url: string }).url)
    await close()
    for (const text of [
      'proxy-Pa55word',
      btoa('proxy-user:proxy-Pa55word'),
      bridge.password,
      btoa(`${bridge.username}:${bridge.password}`),
    ])
      expect([text, redactedBy(secrets, text)]).toEqual([text, true])
  })
})

describe('what a model wrote', () => {
  const chunk = (content: string) =>
    `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`
  const init = (body: object) => ({ headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  const chat = (stream: boolean) => init({ model: 'chat-model', stream, messages: [{ role: 'user', content: 'Hi' }] })

  test('is not changed in a stream', async () => {
    const { visible } = await exchange('/v1/chat/completions', chat(true), () => ({
      headers: { 'content-type': 'text/event-stream' },
      body: `${chunk(`my key is ${secret}`)}${chunk('.').replace('null', '"stop"')}data: [DONE]\n\n`,
    }))
    expect(visible).toContain(`my key is ${secret}`)
  })

  test('is not changed in a whole answer', async () => {
    const body = JSON.stringify(wholeAnswer['openai-chat']).replace('Hi', secret)
    const { visible } = await exchange('/v1/chat/completions', chat(false), () => ({
      headers: { 'content-type': 'application/json' },
      body,
    }))
    expect(visible).toContain(secret)
  })
})

describe('a body that is piped', () => {
  const pieces = async (chunks: Uint8Array[]): Promise<string> => {
    const left = [...chunks]
    const source = {
      read: async () => {
        const value = left.shift()
        return { value, done: value === undefined }
      },
      cancel: async () => undefined,
    }
    const reader = new RedactedReader(source, createRedact([secret]), eventLines(['speech.audio.delta']))
    const out: Uint8Array[] = []
    for (let read = await reader.read(); !read.done; read = await reader.read()) out.push(read.value!)
    return Buffer.concat(out).toString('latin1')
  }

  test('has no secret, wherever its bytes are cut, and content stays', async () => {
    const content = `data: {"type":"speech.audio.delta","audio":"${Buffer.from(secret).toString('base64')}"}\n\n`
    const text = Buffer.from(
      `event: ${secret}\ndata: {"note":"${secret}"}\n\n${content}: ${encodeURIComponent(secret)}`,
    )
    const expected = Buffer.from(`event: •••\ndata: {"note":"•••"}\n\n${content}: •••`).toString('latin1')
    for (let cut = 0; cut <= text.length; cut++)
      expect(await pieces([text.subarray(0, cut), text.subarray(cut)])).toBe(expected)
  })

  test('keeps every byte if it has no secret, also without line breaks', async () => {
    const bytes = Buffer.from(
      Array.from({ length: 3_000_000 }, (_, index) => (index * 7) % 256).filter(byte => byte !== 10 && byte !== 13),
    )
    const chunks = Array.from({ length: 50 }, (_, index) => bytes.subarray(index * 60_000, (index + 1) * 60_000))
    expect(await pieces(chunks)).toBe(Buffer.concat(chunks).toString('latin1'))
  })
})
