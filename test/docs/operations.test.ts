/** The operations page: its log fields and messages are those of the code, and its nginx configurations forward streams. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GatewayError } from '../../src/base/errors.ts'
import { createLog, type LogLine } from '../../src/telemetry/log.ts'
import { logLineOf, RequestRecord } from '../../src/telemetry/request-record.ts'
import { certificate, key } from '../support/certificate.ts'
import { freePort, type Gateway, startGateway } from '../support/gateway-process.ts'
import { waitUntil } from '../support/wait-until.ts'

const root = join(import.meta.dir, '../..')
const page = readFileSync(join(root, 'docs/operations.md'), 'utf8')

const sectionOf = (title: string): string => page.split(`\n## ${title}\n`)[1]!.split('\n## ', 1)[0]!
const logSection = sectionOf('The request log')

describe('the request log', () => {
  /** The fields of a line, those of nested objects as `outer.inner`. Fields without a value count too. */
  const fieldsOf = (line: object, prefix = ''): string[] =>
    Object.entries(line).flatMap(([name, value]) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? fieldsOf(value, `${prefix}${name}.`)
        : [`${prefix}${name}`],
    )

  const completeLine = (): LogLine => {
    const record = new RequestRecord('POST', '/v1/chat/completions')
    record.usage = { input: 1, output: 1 }
    return logLineOf(record, { error: new GatewayError('internal', 'a message') })
  }

  const documentedFields = [...logSection.matchAll(/^\| `([\w.]+)` \|/gm)].map(([, field]) => field!)

  test('the page describes exactly the fields that a line can have', () => {
    const written: string[] = []
    const log = createLog(
      { write: text => written.push(text), isTerminal: false },
      { level: 'info', format: 'json', redact: text => text },
    )
    log.write({ level: 'info', message: 'request' })
    log.flush()
    const everyLine = Object.keys(JSON.parse(written.join('')) as object)
    expect([...documentedFields].sort()).toEqual([...new Set([...everyLine, ...fieldsOf(completeLine())])].sort())
  })

  test('the page names every message that the source writes', () => {
    const files = [...new Bun.Glob('src/**/*.ts').scanSync(root)]
    const messages = files.flatMap(file =>
      [...readFileSync(join(root, file), 'utf8').matchAll(/level[^{}]*?,\s*message: '([^']+)'/g)].map(
        ([, text]) => text!,
      ),
    )
    expect(new Set(messages).size).toBeGreaterThan(2)
    expect(messages.filter(message => !logSection.includes(`\`${message}\``))).toEqual([])
  })
})

const nginx = Bun.which('nginx', { PATH: `${process.env['PATH']}:/usr/sbin` })

/** The nginx configuration of the page: the server, with the location below a path inserted. */
const nginxServer = (port: number, gatewayPort: number, folder: string): string => {
  const [server, location] = [...page.matchAll(/```nginx\n([\s\S]*?)```/g)].map(([, text]) => text!) as [string, string]
  return server
    .trimEnd()
    .replace(/\}$/, `${location}}`)
    .replaceAll(':9090', `:${gatewayPort}`)
    .replace('listen 443', `listen 127.0.0.1:${port}`)
    .replaceAll('/etc/ssl', folder)
}

describe.if(nginx !== null)('the nginx configurations', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nginx-'))
  let gateway: Gateway
  let proxy: Bun.Subprocess
  let url: string

  beforeAll(async () => {
    gateway = await startGateway(readFileSync(join(root, 'config.json'), 'utf8'))
    const port = await freePort()
    url = `https://127.0.0.1:${port}`
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      name => `${name}_temp_path ${folder}/${name};`,
    )
    writeFileSync(join(folder, 'llm.example.com.pem'), certificate)
    writeFileSync(join(folder, 'llm.example.com.key'), key)
    writeFileSync(
      join(folder, 'nginx.conf'),
      `daemon off; pid ${folder}/pid; error_log stderr; events {}
       http { access_log off; ${temporary.join(' ')} ${nginxServer(port, gateway.port, folder)} }`,
    )
    proxy = Bun.spawn([nginx!, '-p', folder, '-c', join(folder, 'nginx.conf')], { stderr: 'ignore' })
    await waitUntil(async () => (await ask('/healthz').catch(() => undefined))?.ok, 10_000)
  })

  afterAll(async () => {
    proxy.kill()
    await proxy.exited
    await gateway.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const ask = (path: string, body?: object): Promise<Response> =>
    fetch(`${url}${path}`, {
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
      proxy: false,
      tls: { rejectUnauthorized: false },
    } as unknown as RequestInit)

  /** Milliseconds from the first to the last bytes of a response. */
  const durationOf = async (response: Response): Promise<number> => {
    expect(response.status).toBe(200)
    let first: number | undefined
    for await (const _ of response.body!) first ??= performance.now()
    return performance.now() - first!
  }

  const messages = [{ role: 'user', content: 'one two three four' }]

  test('an event stream and a JSON array arrive piece by piece, at the root and below a path', async () => {
    const contents = [{ role: 'user', parts: [{ text: 'one two three four' }] }]
    const durations = await Promise.all(
      ['', '/llm'].flatMap(prefix => [
        ask(`${prefix}/v1/chat/completions`, { model: 'mock-pace-150', stream: true, messages }).then(durationOf),
        ask(`${prefix}/v1beta/models/mock-pace-150:streamGenerateContent`, { contents }).then(durationOf),
      ]),
    )
    for (const duration of durations) expect(duration).toBeGreaterThan(500)
  })

  test('a body above max_body gets the error of the gateway, not that of nginx', async () => {
    const response = await ask('/v1/chat/completions', { model: 'mock', messages: [], padding: 'x'.repeat(34 << 20) })
    expect(response.status).toBe(413)
    expect(await response.json()).toMatchObject({ error: { code: 'request_too_large' } })
  })
})
