/** `simple-one-api probe` asks every target once and describes each failure in plain words. */
import { afterAll, describe, expect, test } from 'bun:test'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { certificate, key } from '../support/certificate.ts'
import { freePort, runGateway } from '../support/gateway-process.ts'
import { type ReceivedRequest, type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { createFolder, removeFolder } from '../support/temp-folder.ts'
import {
  chatBody,
  delayHeaders,
  neverRespond,
  refuse,
  replyChat,
  replyHtml,
  replyJson,
  replyText,
} from '../support/upstream-scripts.ts'
import { createLatch, waitUntil } from '../support/wait-until.ts'

const closables: { close: () => unknown }[] = []
afterAll(async () => {
  for (const closable of closables) await closable.close()
})
const startVendor = async (script: Script): Promise<Upstream> => {
  const upstream = await scriptedUpstream(script)
  closables.push(upstream)
  return upstream
}

const secret = 'canary-9f8e7d6c5b4a'
type Row = {
  target: string
  entry: string
  credential: number
  model: string
  names: string[]
  result: 'ok' | 'failed' | 'skipped'
  ms?: number
  tokens?: { input: number; output: number }
  fault?: string
  reason?: string
}
type ProbeReport = { ok: number; failed: number; skipped: number; interrupted: boolean; targets: Row[] }

const entry = (id: string, url: string, more: object = {}) => ({
  enabled: true,
  id,
  models: ['m'],
  server_url: `${url}/v1`,
  credentials: { api_key: secret },
  ...more,
})
const configOf = (...openai: object[]) => ({ services: { openai } })
const runProbe = async (config: object, args: string[] = [], env: Record<string, string> = {}) => {
  const files = { 'config.json': JSON.stringify(config) }
  const result = await runGateway(['probe', 'config.json', ...args], { files, env })
  expect(result.stdout + result.stderr).not.toContain(secret)
  return result
}
const probeJson = async (config: object, args: string[] = [], env: Record<string, string> = {}) => {
  const { code, stdout, stderr } = await runProbe(config, ['--json', ...args], env)
  const report = JSON.parse(stdout) as ProbeReport
  return { code, stderr, report, row: (target: string) => report.targets.find(row => row.target === target)! }
}
const modelOf = (request: ReceivedRequest) => (request.json() as { model: string }).model
const keyOf = (request: ReceivedRequest) => request.headers['authorization']
const openaiError = (message: string, code: string | null = null) => ({ error: { message, type: 'x', code } })

test('if all targets answer, a table with latency and tokens is printed, progress goes to stderr, and the exit code is 0', async () => {
  const upstream = await startVendor(replyChat())
  const { code, stdout, stderr } = await runProbe(configOf(entry('one', upstream.url), entry('two', upstream.url)))
  expect(code).toBe(0)
  const lines = stdout.split('\n')
  const columns = (line: string) => [...line.matchAll(/(?<= {2})(?:result|ok|tokens|\d \+)/g)].map(({ index }) => index)
  expect(columns(lines[0]!)).toHaveLength(2)
  expect([columns(lines[1]!), columns(lines[2]!)]).toEqual([columns(lines[0]!), columns(lines[0]!)])
  expect(lines[0]).toMatch(/^target +result +time +tokens$/)
  expect(lines[1]).toMatch(/^one\/m +ok +\d+ ms +5 \+ 3$/)
  expect(lines[2]).toMatch(/^two\/m +ok +\d+ ms +5 \+ 3$/)
  expect(lines.slice(3)).toEqual(['', '2 ok, 0 failed', ''])
  expect(stderr).toMatch(/^[12]\/2 (one|two)\/m: ok, \d+ ms$/m)
  expect(stderr.match(/^\d\/\d /gm)).toHaveLength(2)
  expect(stdout + stderr).not.toContain('\x1b')
})

test('the probe request is short, not streamed, signed, and uses params and redirects', async () => {
  const upstream = await startVendor(replyChat())
  await runProbe(
    configOf(
      entry('one', upstream.url, {
        models: ['m'],
        model_redirect: { alias: 'm' },
        model_map: { m: 'vendors-m' },
        headers: { 'x-team': 'blue' },
        params: { temperature: 0.5 },
      }),
    ),
  )
  expect(upstream.requests).toHaveLength(1)
  const [request] = upstream.requests as [ReceivedRequest]
  expect(request.path).toBe('/v1/chat/completions')
  expect(keyOf(request)).toBe(`Bearer ${secret}`)
  expect(request.headers['x-team']).toBe('blue')
  expect(request.json()).toEqual({
    model: 'vendors-m',
    messages: [{ role: 'user', content: 'Hi' }],
    max_tokens: 16,
    temperature: 0.5,
  })
})

test('a vendor of another protocol is asked in that protocol, and its error is reported', async () => {
  const upstream = await startVendor(refuse(404, { message: 'This model version has reached the end of its life.' }))
  const bedrock = {
    enabled: true,
    models: ['amazon.nova-lite-v1:0'],
    server_url: upstream.url,
    credentials: { api_key: secret },
  }
  const { code, row } = await probeJson({ services: { bedrock: [bedrock] } })
  expect(upstream.requests[0]!.path).toBe('/model/amazon.nova-lite-v1%3A0/converse')
  expect({ code, result: row('bedrock-1/amazon.nova-lite-v1:0').result }).toEqual({ code: 1, result: 'failed' })
  expect(row('bedrock-1/amazon.nova-lite-v1:0').reason).toContain('end of its life')
})

describe('failures are described in plain words with the vendor’s message, and the exit code is 1', () => {
  const cases: [name: string, script: Script, fault: string, reason: RegExp][] = [
    [
      '401',
      refuse(401, openaiError(`Incorrect API key provided: ${secret}`)),
      'wrong_key',
      /^wrong key \(HTTP 401\): Incorrect API key provided: \S*$/,
    ],
    ['403', refuse(403, openaiError('Country not supported')), 'forbidden', /not allowed .*403\): Country/],
    ['402', refuse(402, openaiError('Payment required')), 'no_balance', /^no balance left \(HTTP 402\): Payment/],
    [
      '429 for money',
      refuse(429, openaiError('You exceeded your current quota, please check', 'insufficient_quota')),
      'no_balance',
      /no balance/,
    ],
    ['403 for money, in Chinese', refuse(403, { code: 30001, message: '账户余额不足' }), 'no_balance', /账户余额不足/],
    [
      '404',
      refuse(404, openaiError('The model `m` does not exist')),
      'no_such_model',
      /^no such model \(HTTP 404\): The model `m`/,
    ],
    ['400 for the model', refuse(400, openaiError('Model Not Exist')), 'no_such_model', /HTTP 400\): Model Not Exist/],
    [
      '404 of a page',
      replyHtml(404),
      'wrong_address',
      /nothing answers at this address \(HTTP 404\): check server_url/,
    ],
    [
      '429',
      refuse(429, openaiError('Slow down'), { 'retry-after': '20' }),
      'rate_limited',
      /HTTP 429, again in 20 s\): Slow down/,
    ],
    ['400', refuse(400, openaiError('temperature is too high')), 'refused', /^refused \(HTTP 400\): temperature/],
    ['503', refuse(503, openaiError('Overloaded')), 'vendor_failed', /^the vendor failed \(HTTP 503\): Overloaded/],
    ['html', replyHtml(502), 'vendor_failed', /HTTP 502.*HTML/],
    ['html with 200', replyHtml(200), 'wrong_address', /no API at this address: the vendor answered with HTML/],
    ['words with 200', replyText(), 'wrong_address', /answered with text/],
    ['a fault with 200', replyJson(openaiError('Something broke')), 'vendor_failed', /Something broke/],
    ['a redirect', refuse(301, '', { location: 'https://elsewhere.test/' }), 'wrong_address', /redirects/],
    [
      'what a terminal would obey',
      refuse(500, openaiError('\u001b[2Jgone\nline two')),
      'vendor_failed',
      /: \[2Jgone line two$/,
    ],
  ]
  test('each error response gets the right fault and reason', async () => {
    const upstreams = await Promise.all(cases.map(([, script]) => startVendor(script)))
    const entries = upstreams.map(({ url }, at) => entry(`e${at}`, url))
    const { code, report } = await probeJson(configOf(...entries))
    expect([code, report.failed]).toEqual([1, cases.length])
    cases.forEach(([name, , fault, reason], at) => {
      const row = report.targets[at]!
      expect({ name, fault: row.fault, reason: row.reason }).toEqual({
        name,
        fault,
        reason: expect.stringMatching(reason),
      })
      expect(row.ms).toBeNumber()
    })
  })

  test('unknown hosts, closed ports, TLS errors and unreachable proxies are told apart', async () => {
    const plainVendor = Bun.serve({ port: 0, fetch: () => new Response('') })
    closables.push({ close: () => plainVendor.stop(true) })
    const secure = Bun.serve({ port: 0, tls: { cert: certificate, key }, fetch: () => new Response('') })
    closables.push({ close: () => secure.stop(true) })
    const closedPort = await freePort()
    const { code, report } = await probeJson(
      configOf(
        entry('dns', 'http://nowhere.invalid'),
        entry('closed', `http://127.0.0.1:${closedPort}`),
        entry('no-tls', `https://127.0.0.1:${plainVendor.port}`),
        entry('certificate', `https://127.0.0.1:${secure.port}`),
        entry('proxy', 'http://vendor.test', { proxy: `http://user:${secret}@127.0.0.1:${closedPort}` }),
      ),
    )
    expect(code).toBe(1)
    expect(report.targets.map(({ fault }) => fault)).toEqual(['unknown_host', 'unreachable', 'tls', 'tls', 'proxy'])
    const reasons = report.targets.map(({ reason }) => reason)
    expect(reasons[0]).toContain('nowhere.invalid (DNS, ENOTFOUND)')
    expect(reasons[1]).toBe(`unreachable: nothing listens at 127.0.0.1:${closedPort} (ECONNREFUSED)`)
    expect(reasons[3]).toMatch(/certificate .* not trusted/)
    expect(reasons[4]).toContain('proxy')
  })

  test('a timeout is reported and does not delay the other targets', async () => {
    const [silent, late, quick] = await Promise.all([
      startVendor(neverRespond),
      startVendor(delayHeaders(300, replyChat())),
      startVendor(replyChat()),
    ])
    const { code, row } = await probeJson(
      configOf(entry('silent', silent.url, { timeout: 1 }), entry('late', late.url), entry('quick', quick.url)),
    )
    expect(code).toBe(1)
    expect([row('silent/m').fault, row('silent/m').reason]).toEqual(['timeout', expect.stringContaining('within 1 s')])
    expect([row('late/m').result, row('quick/m').result]).toEqual(['ok', 'ok'])
    expect(row('late/m').ms).toBeGreaterThanOrEqual(290)
    expect(row('quick/m').ms).toBeLessThan(row('late/m').ms!)
  })
})

test('the wrong one of two credentials is named by its number', async () => {
  const upstream = await startVendor((answer, request) =>
    (keyOf(request) === 'Bearer good-one-1' ? replyChat() : refuse(401))(answer, request),
  )
  const credential_list = [{ api_key: 'good-one-1' }, { api_key: secret }]
  const { code, row, report } = await probeJson(
    configOf(entry('one', upstream.url, { credentials: undefined, credential_list })),
  )
  expect([code, report.ok, report.failed]).toEqual([1, 1, 1])
  expect(row('one/m (credential 1)')).toMatchObject({ result: 'ok', credential: 1 })
  expect(row('one/m (credential 2)')).toMatchObject({ result: 'failed', credential: 2, fault: 'wrong_key' })
})

test('an embedding model is asked for an embedding, and an image model is skipped', async () => {
  const embedding = {
    object: 'list',
    data: [{ object: 'embedding', index: 0, embedding: [0.1] }],
    model: 'x',
    usage: { prompt_tokens: 2, total_tokens: 2 },
  }
  const upstream = await startVendor(replyJson(embedding))
  const { code, row } = await probeJson(
    configOf(
      entry('one', upstream.url, { models: ['text-embedding-3-small', 'dall-e-3'], embedding_models: ['vectors'] }),
    ),
  )
  expect(code).toBe(0)
  expect(row('one/vectors')).toMatchObject({ result: 'ok', tokens: { input: 2, output: 0 } })
  expect(row('one/text-embedding-3-small')).toMatchObject({ result: 'ok' })
  expect(row('one/dall-e-3')).toMatchObject({ result: 'skipped', reason: expect.stringContaining('image') })
  expect(upstream.requests.map(({ path }) => path)).toEqual(['/v1/embeddings', '/v1/embeddings'])
  expect(upstream.requests[0]!.json()).toMatchObject({ input: 'Hi' })
})

describe('the targets that are probed', () => {
  test('a wildcard is probed only if --model names a matching model', async () => {
    const upstream = await startVendor(replyChat())
    const config = configOf(
      entry('wild', upstream.url, { models: ['gpt-*'], model_map: { 'gpt-9': 'nine' } }),
      entry('exact', upstream.url, { models: ['gpt-4o', 'other'] }),
    )
    const all = await probeJson(config)
    expect([all.code, all.row('wild/gpt-*').result]).toEqual([0, 'skipped'])
    expect(all.row('wild/gpt-*').reason).toContain('--model')
    expect(upstream.requests.map(modelOf).sort()).toEqual(['gpt-4o', 'other'])
    const one = await probeJson(config, ['--model', 'gpt-4o'])
    expect(one.report.targets.map(({ target }) => target)).toEqual(['wild/gpt-4o', 'exact/gpt-4o'])
    const mapped = await probeJson(config, ['--model', 'gpt-9'])
    expect(mapped.report.targets.map(({ target }) => target)).toEqual(['wild/nine'])
  })

  test('--model accepts aliases, the vendor’s names and global redirects, and an unknown model exits with 2', async () => {
    const upstream = await startVendor(replyChat())
    const one = entry('one', upstream.url, {
      models: ['a', 'b'],
      model_redirect: { short: 'a' },
      model_map: { b: 'vendor-b' },
    })
    const config = { ...configOf(one), model_redirect: { global: 'b' } }
    for (const [model, target] of [
      ['short', 'one/a'],
      ['vendor-b', 'one/vendor-b'],
      ['global', 'one/vendor-b'],
    ] as const) {
      const { report } = await probeJson(config, ['--model', model])
      expect(report.targets.map(row => row.target)).toEqual([target])
    }
    // A redirect of all models does not hide a wrong name either.
    for (const known of [config, { ...config, model_redirect: { all: 'b' } }]) {
      const { code, stdout, stderr } = await runProbe(known, ['--model', 'nothing'])
      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).toContain('no service offers the model nothing')
    }
  })

  test('disabled entries are not probed, and a target with several aliases is probed once', async () => {
    const upstream = await startVendor(replyChat())
    const { report } = await probeJson(
      configOf(
        entry('off', upstream.url, { enabled: false }),
        entry('on', upstream.url, { model_redirect: { x: 'm', y: 'm' } }),
      ),
    )
    expect(report.targets.map(({ target, names }) => [target, names.toSorted()])).toEqual([['on/m', ['m', 'x', 'y']]])
    expect(upstream.requests).toHaveLength(1)
  })

  test('no usable service and an invalid configuration both exit with 1', async () => {
    const none = await runProbe({ services: {} })
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('nothing to probe')])
    const broken = await runProbe({ services: { openai: [{ enabled: 'perhaps' }] } })
    expect([broken.code, broken.stdout]).toEqual([1, ''])
  })

  test('without a configuration the mock is probed', async () => {
    const { code, stdout } = await runGateway(['probe'])
    expect([code, /, 0 failed/.test(stdout)]).toEqual([0, true])
  })
})

test('a probe that is refused for max_tokens or for not streaming is repeated in another form', async () => {
  const upstream = await startVendor((answer, request) => {
    const body = request.json() as { max_tokens?: number; stream?: boolean; model: string }
    const message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    if (body.model === 'new' && body.max_tokens) return refuse(400, openaiError(message))(answer, request)
    if (body.model === 'flows' && !body.stream)
      return refuse(400, openaiError('This model only support stream mode'))(answer, request)
    return replyChat()(answer, request)
  })
  const { code, row } = await probeJson(configOf(entry('one', upstream.url, { models: ['new', 'flows'] })))
  expect(code).toBe(0)
  expect(row('one/flows')).toMatchObject({ result: 'ok', tokens: { input: 5, output: 3 } })
  expect(upstream.requests).toHaveLength(4)
})

test('at most four probes run at once, and one per entry', async () => {
  const blocked = createLatch()
  const active = new Map<string, number>()
  let maxActive = 0
  let maxPerEntry = 0
  const upstream = await startVendor(async (answer, request) => {
    const name = modelOf(request).slice(0, 2)
    active.set(name, (active.get(name) ?? 0) + 1)
    const counts = [...active.values()]
    maxActive = Math.max(
      maxActive,
      counts.reduce((sum, count) => sum + count, 0),
    )
    maxPerEntry = Math.max(maxPerEntry, ...counts)
    await answer.wait(blocked.opened)
    await answer.wait(10)
    active.set(name, active.get(name)! - 1)
    await replyJson(chatBody())(answer, request)
  })
  const entries = Array.from({ length: 6 }, (_, at) =>
    entry(`e${at}`, upstream.url, { models: [`e${at}-x`, `e${at}-y`] }),
  )
  const pending = probeJson(configOf(...entries))
  await waitUntil(() => upstream.requests.length >= 4)
  await Bun.sleep(100)
  blocked.open()
  const { report } = await pending
  expect([maxActive, maxPerEntry, report.ok]).toEqual([4, 1, 12])
})

test('configured limits are respected: a target waits, or is skipped', async () => {
  const upstream = await startVendor(replyChat())
  const { code, report } = await probeJson(
    configOf(
      entry('waits', upstream.url, { models: ['a', 'b'], limit: { qps: 2, timeout: 5 } }),
      entry('full', upstream.url, { models: ['c', 'd'], limit: { rpm: 1, timeout: 0.1 } }),
    ),
  )
  expect([code, report.ok, report.skipped]).toEqual([0, 3, 1])
  expect(report.targets.find(({ result }) => result === 'skipped')!.reason).toContain('rpm')
})

test('Ctrl-C prints the known results and exits with 130', async () => {
  const [quick, silent] = await Promise.all([startVendor(replyChat()), startVendor(neverRespond)])
  const folder = createFolder()
  try {
    const config = configOf(entry('quick', quick.url), entry('silent', silent.url, { models: ['a', 'b'] }))
    await writeFile(join(folder, 'config.json'), JSON.stringify(config))
    const binary = process.env['SIMPLE_ONE_API_BINARY']
    const command = binary ? [binary] : [process.execPath, join(import.meta.dir, '../../src/main.ts')]
    const child = Bun.spawn([...command, 'probe', 'config.json'], { cwd: folder, stdout: 'pipe', stderr: 'pipe' })
    await waitUntil(() => silent.requests.length === 1 && quick.requests.length === 1, 10_000)
    await Bun.sleep(100)
    child.kill('SIGINT')
    const [code, stdout] = await Promise.all([child.exited, new Response(child.stdout).text()])
    expect(code).toBe(130)
    expect(stdout).toMatch(/^quick\/m +ok/m)
    expect(stdout).toMatch(/^silent\/a +not probed +interrupted$/m)
    expect(stdout).toMatch(/^silent\/b +not probed +interrupted$/m)
    expect(stdout).toContain('1 ok, 0 failed, 2 not probed')
    await waitUntil(() => silent.requests[0]!.abortedAt !== undefined)
  } finally {
    removeFolder(folder)
  }
})

test.each<[string, boolean, Record<string, string>]>([
  ['has colors', true, {}],
  ['has no colors if NO_COLOR is set', false, { NO_COLOR: '1' }],
])('the table on a terminal %s', async (_, hasColors, env) => {
  const upstream = await startVendor(replyChat())
  const folder = createFolder()
  try {
    await writeFile(join(folder, 'config.json'), JSON.stringify(configOf(entry('quick', upstream.url))))
    const binary = process.env['SIMPLE_ONE_API_BINARY']
    const command = binary ? [binary] : [process.execPath, join(import.meta.dir, '../../src/main.ts')]
    const decoder = new TextDecoder()
    let screen = ''
    const child = Bun.spawn([...command, 'probe', 'config.json'], {
      cwd: folder,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
      terminal: {
        data: (_, bytes) => {
          screen += decoder.decode(bytes, { stream: true })
        },
      },
    })
    expect(await child.exited).toBe(0)
    await waitUntil(() => screen.includes('1 ok, 0 failed'))
    expect(screen.includes('\x1b[32mok')).toBe(hasColors)
  } finally {
    removeFolder(folder)
  }
})

test('arguments that are not understood exit with 2', async () => {
  for (const args of [
    ['probe', 'a', 'b'],
    ['probe', '--model'],
    ['probe', '--port', '1'],
    ['probe', '--jsn'],
    ['check', '--model', 'm'],
    ['serve', '--json'],
  ]) {
    const { code, stdout, stderr } = await runGateway(args)
    expect([args.join(' '), code, stdout]).toEqual([args.join(' '), 2, ''])
    expect(stderr).toContain('--help')
  }
})
