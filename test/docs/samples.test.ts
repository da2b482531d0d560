/** Every sample is a valid configuration, and a gateway with it lists the models that the sample names. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildRuntime } from '../../src/cli/serve.ts'
import type { CompiledConfig } from '../../src/config/compiled.ts'
import { load, loadText } from '../../src/config/load.ts'
import { createLongLivedState } from '../../src/gateway/runtime.ts'
import { providers } from '../../src/providers/index.ts'
import { createServer } from '../../src/server/server.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { problemLines } from '../support/config-file.ts'
import { scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { refuse } from '../support/upstream-scripts.ts'

const folder = join(import.meta.dir, '../../samples')
const names = readdirSync(folder).sort()

/** Expected warnings of a sample about features that do not exist yet. */
const expected: Record<string, RegExp> = { 'web.json': /enable_web/ }

/** The warning about every key that has to be replaced. */
const placeholder = /: is still the placeholder of a sample/

/** Requests for vendors that have no chat. */
const nonChatRequests: Record<string, { path: string; body: object }> = {
  'jina.json': { path: '/v1/embeddings', body: { input: 'Hello!' } },
}

type SampleConfig = { services: Record<string, { models?: string[]; model_redirect?: Record<string, string> }[]> }
const readSample = (name: string) =>
  JSON.parse(readFileSync(join(folder, name), 'utf8')) as SampleConfig & { api_key?: string }

const start = (name: string) => serve(load(join(folder, name), {}).compiled!)

const serve = (compiled: CompiledConfig) => {
  const log = createLog(
    { write: () => undefined, isTerminal: false },
    { level: 'error', format: 'json', redact: x => x },
  )
  return createServer({
    runtime: buildRuntime(compiled, createLongLivedState(log)),
    draining: false,
    idleTimeout: 120,
  })
}

const listModels = async (name: string, key = readSample(name).api_key): Promise<string[]> => {
  const request = new Request('http://localhost/v1/models', key ? { headers: { authorization: `Bearer ${key}` } } : {})
  const response = await start(name).handle(request)
  expect(response.status).toBe(200)
  const { data } = (await response.json()) as { data: { id: string }[] }
  return data.map(({ id }) => id)
}

let refusingVendor: Upstream
beforeAll(async () => {
  refusingVendor = await scriptedUpstream(refuse(401))
})
afterAll(() => refusingVendor.close())

/** The sample with every service at a vendor that refuses all keys. */
const withDeadKeys = (name: string): CompiledConfig => {
  const sample = readSample(name)
  for (const entry of Object.values(sample.services).flat())
    Object.assign(entry, { server_url: `${refusingVendor.url}/v1` })
  return loadText(JSON.stringify(sample), {}).compiled!
}

describe.each(names)('%s', name => {
  test('it has no problems except the expected ones', () => {
    const { problems } = load(join(folder, name), {})
    const lines = problemLines(problems.filter(({ level }) => level !== 'note')).filter(line => !placeholder.test(line))
    const allowed = expected[name]
    if (allowed) expect(lines).toEqual([expect.stringMatching(allowed)])
    else expect(lines).toEqual([])
  })

  test('the gateway lists the models that it names', async () => {
    const ids = await listModels(name)
    for (const [type, entries] of Object.entries(readSample(name).services))
      for (const { models = providers.get(type)?.models ?? [], model_redirect: redirect = {} } of entries)
        for (const model of models) {
          const alias = Object.entries(redirect).find(([, to]) => to === model)?.[0]
          if (!model.endsWith('*')) expect(ids).toContain(alias ?? model)
        }
  })

  test.if(name !== 'mock.json')('an invalid vendor key is not a fault of the client', async () => {
    const key = readSample(name).api_key
    const [model = 'any'] = await listModels(name)
    const { path = '/v1/chat/completions', body: requestBody = { messages: [{ role: 'user', content: 'Hello!' }] } } =
      nonChatRequests[name] ?? {}
    const body = JSON.stringify({ model, ...requestBody })
    const headers = { 'content-type': 'application/json', ...(key ? { authorization: `Bearer ${key}` } : {}) }
    const request = new Request(`http://localhost${path}`, { method: 'POST', headers, body })
    const response = await serve(withDeadKeys(name)).handle(request)
    const { error } = (await response.json()) as { error: { code: string; message: string } }
    expect([response.status, error.code]).toEqual([502, 'upstream_credentials'])
    expect(error.message).toMatch(/credential/)
  })

  test('it contains only placeholder keys', () => {
    const keys = [...readFileSync(join(folder, name), 'utf8').matchAll(/"(?:api_key|account_id)": "([^"]*)"/g)]
    for (const [, key] of keys) expect(key).toMatch(/replace-me|^your-/)
  })
})

test('each service type has a sample with its name that uses only this type', () => {
  for (const type of providers.keys()) {
    expect(names).toContain(`${type}.json`)
    expect(Object.keys(readSample(`${type}.json`).services)).toEqual([type])
  }
})

test('every sample of simple-one-api has a counterpart', () => {
  const originalNames =
    'config aliyun azure_openai cloudflare deepseek gemini groq hunyuan huoshan llama_familly ollama qianfan siliconflow.cn web xinghuo zhipu'
  for (const name of originalNames.split(' ')) expect(names).toContain(`${name}.json`)
})

test('in free-tiers.json every service states the source and the date of its limit', () => {
  for (const entries of Object.values(readSample('free-tiers.json').services))
    for (const entry of entries as Record<string, unknown>[]) {
      expect(new URL(String(entry['// source'])).protocol).toBe('https:')
      expect(entry['// read']).toMatch(/^20\d\d-\d\d$/)
      expect(String(entry['// says']).length).toBeGreaterThan(15)
      expect('limit' in entry || /cannot count/.test(String(entry['// says']))).toBe(true)
    }
})

test('in team.json each key lists only the models that it may use', async () => {
  expect(await listModels('team.json', 'sk-website-replace-me')).toEqual(['qwen-flash', 'random'])
  expect(await listModels('team.json', 'sk-grace-replace-me')).toEqual([
    'deepseek-flash',
    'qwen-flash',
    'qwen-plus',
    'random',
  ])
  expect(await listModels('team.json', 'sk-ada-replace-me')).toEqual(await listModels('team.json'))
  const unauthorized = await start('team.json').handle(new Request('http://localhost/v1/models'))
  expect(unauthorized.status).toBe(401)
})
