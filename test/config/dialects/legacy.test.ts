/** Files of simple-one-api v0.6 to v0.10 work unchanged. */
import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CompiledConfig } from '../../../src/config/compiled.ts'
import { load } from '../../../src/config/load.ts'
import { providers } from '../../../src/providers/index.ts'
import { compiledOf, configWithEntry, entryOf, loadFile, problemLines, problemsOf } from '../../support/config-file.ts'

const samples = join(import.meta.dir, 'legacy')
const names = readdirSync(samples)

const loadSample = (name: string) => load(join(samples, `${name}.json`), {})
const compiled = (name: string): CompiledConfig => {
  const { compiled, problems } = loadSample(name)
  if (!compiled) throw new Error(problemLines(problems).join('\n'))
  return compiled
}

describe('legacy samples', () => {
  test.each(names)('%s has no errors, and every entry is served or skipped with a reason', name => {
    const { compiled, problems } = load(join(samples, name), {})
    expect(problemLines(problems.filter(({ level }) => level === 'error'))).toEqual([])
    const { services } = JSON.parse(readFileSync(join(samples, name), 'utf8')) as {
      services: Record<string, unknown[]>
    }
    const skipped = problems.filter(({ message }) => message.startsWith('skipped: '))
    for (const { line, message, path } of skipped)
      expect({ path, line, hasReason: message.length > 20 }).toEqual({
        path,
        line: expect.any(Number),
        hasReason: true,
      })
    expect(compiled!.entries.length + skipped.length).toBe(Object.values(services).flat().length)
  })

  test('the legacy samples give warnings only about known differences', () => {
    const expected =
      /^\d+:\d+ (?:note |warning (?:\S+: skipped: |services: no service is in use|enable_web: |: every user of this machine))/
    const unexpected = names
      .flatMap(name => problemLines(load(join(samples, name), {}).problems))
      .filter(line => !expected.test(line) && !/^warning every user/.test(line))
    expect(unexpected).toEqual([])
  })
})

describe('settings of the legacy samples', () => {
  test('the rotation sample keeps its strategy and its services', () => {
    const { port, strategy, entries } = compiled('rotation')
    expect({ port, strategy }).toEqual({ port: 9090, strategy: 'random' })
    expect(
      entries.filter(({ type }) => type === 'openai').map(({ id, serverUrl, models }) => [id, serverUrl, models[0]]),
    ).toEqual([
      ['openai-1', 'https://api.deepseek.com/v1', 'deepseek-chat'],
      [
        'openai-2',
        'https://api.cloudflare.com/client/v4/accounts/an-account/ai/v1/chat/completions',
        '@cf/meta/llama-2-7b-chat-int8',
      ],
      ['openai-3', 'https://open.bigmodel.cn/api/paas/v4/chat/completions', 'glm-4'],
    ])
  })

  test('entries without models get default models, and aliyun is a type of its own', () => {
    expect(compiled('deepseek').entries[0]!.models).toEqual(providers.get('deepseek')!.models!)
    expect(compiled('aliyun-type').entries[0]).toMatchObject({
      id: 'aliyun-1',
      models: providers.get('aliyun')!.models,
    })
  })

  test('prodj is the level warn as JSON, and prod is the level warn', () => {
    expect(compiled('gemini')).toMatchObject({ logLevel: 'warn', logFormat: 'json' })
    expect(compiled('everything-v0.9')).toMatchObject({ logLevel: 'warn', logFormat: 'auto' })
  })

  test('a v0.9 file with every setting is compiled', () => {
    const { host, port, keys, strategy, redirect, entries } = compiled('everything-v0.9')
    expect({ host, port, strategy }).toEqual({ host: '127.0.0.1', port: 9090, strategy: 'round_robin' })
    expect(keys.map(({ scopes }) => scopes)).toEqual([undefined, ['glm-4', 'random']])
    expect([...redirect]).toEqual([
      ['gpt-4', 'glm-4'],
      ['all', 'random'],
    ])
    expect(entries.map(({ id, proxy }) => [id, proxy])).toEqual([
      ['zhipu-1', false],
      ['moonshot-1', 'socks5://127.0.0.1:1080'],
    ])
    expect(entries[0]).toMatchObject({
      embeddingModels: ['embedding-3'],
      embeddingLimit: { qps: 3, scope: 'model' },
    })
  })

  test('differences in the meaning of a setting are notes', () => {
    const notes = loadSample('everything-v0.9')
      .problems.filter(({ level }) => level === 'note')
      .map(({ path }) => path)
    expect(notes.toSorted()).toEqual([
      'debug',
      'multi_content_models',
      'params_range',
      'services.zhipu[0].reasoning_models',
    ])
    const web = loadSample('web').problems.map(({ level, path }) => `${level} ${path}`)
    expect(web).toContain('note circuit_breaker')
    expect(web).toContain('note services.openai[0].timeout')
    expect(web).toContain('note services.openai[0].provider')
    expect(web).toContain('warning enable_web')
  })

  test('the note about the former 30 s timeout appears only if a timeout is configured', () => {
    const { problems } = loadSample('web')
    expect(problems.find(({ path }) => path.endsWith('.timeout'))?.message).toContain('not 30 s')
    expect(loadSample('deepseek').problems).not.toContainEqual(
      expect.objectContaining({ path: 'services.deepseek[0].timeout' }),
    )
  })
})

describe('spellings', () => {
  test.each([
    ['round-robin', 'round_robin'],
    ['round_robin', 'round_robin'],
    [' Round_Robin ', 'round_robin'],
    ['rr', 'round_robin'],
    ['rand', 'random'],
    ['least-busy', 'least_busy'],
    ['leastbusy', 'least_busy'],
    ['LEAST_BUSY', 'least_busy'],
    ['fastest', 'fastest'],
    ['first', 'first'],
    ['hash', 'hash'],
    ['', 'random'],
  ])('load_balancing %j means %j', (configured, expected) => {
    const { compiled, problems } = loadFile(
      JSON.stringify(configWithEntry({}, 'openai', { load_balancing: configured })),
    )
    expect(String(compiled?.strategy)).toBe(expected)
    expect(problems).toEqual([])
  })

  test.each([
    ['debug', 'debug'],
    ['', 'info'],
    ['DEV', 'info'],
    ['development', 'info'],
    ['warning', 'warn'],
    ['error', 'error'],
    ['production', 'warn'],
    ['prodjson', 'warn'],
    ['productionjson', 'warn'],
  ])('log_level %j means %j', (configured, expected) =>
    expect(String(compiledOf({ log_level: configured }).logLevel)).toBe(expected),
  )

  test.each([
    [9090, '0.0.0.0', 9090],
    ['9091', '0.0.0.0', 9091],
    [':9092', '0.0.0.0', 9092],
    ['host.lan:9093', 'host.lan', 9093],
    ['127.0.0.1:9094', '127.0.0.1', 9094],
    ['[::1]:9095', '::1', 9095],
    ['[::]:9096', '::', 9096],
    ['', '0.0.0.0', 9090],
  ])('server_port %j listens on %s, port %d', (configured, host, port) =>
    expect(compiledOf({ server_port: configured })).toMatchObject({ host, port }),
  )

  test('the spelling addresss is accepted for address', () => {
    for (const name of ['addresss', 'address', 'Addresss'])
      expect(entryOf({ credentials: { api_key: 'k', [name]: 'mine' } }).credentials[0]!.values).toEqual({
        api_key: 'k',
        address: 'mine',
      })
  })

  test('both spellings of the prompt template are accepted', () => {
    for (const key of ['promptTemplate', 'prompt_template'])
      expect(problemsOf(configWithEntry({}, 'openai', { translation: { [key]: 'In %s: %s' } }))).toEqual([])
  })

  test('keys in another letter case are accepted with a warning', () => {
    const { compiled, problems } = loadFile(`{
  "Server_Port": ":8086",
  "SERVICES": { "OpenAI": [ { "Models": ["m"], "ENABLED": true,
    "Credentials": { "API_KEY": "sk-upper-case", "Limit": { "QPS": 2 } } } ] }
}`)
    expect(compiled).toMatchObject({ port: 8086, entries: [{ id: 'openai-1', models: ['m'] }] })
    expect(compiled!.entries[0]!.credentials[0]).toMatchObject({
      values: { api_key: 'sk-upper-case' },
      limit: { qps: 2 },
    })
    expect(problemLines(problems)).toEqual([
      '2:3 warning Server_Port: taken as `server_port`; write it so',
      '3:3 warning SERVICES: taken as `services`; write it so',
      '3:17 warning services.OpenAI: taken as `openai`; write it so',
      '3:31 warning services.OpenAI[0].Models: taken as `models`; write it so',
      '3:48 warning services.OpenAI[0].ENABLED: taken as `enabled`; write it so',
      '4:5 warning services.OpenAI[0].Credentials: taken as `credentials`; write it so',
      '4:22 warning services.OpenAI[0].credentials.API_KEY: taken as `api_key`; write it so',
      '4:50 warning services.OpenAI[0].credentials.Limit: taken as `limit`; write it so',
      '4:61 warning services.OpenAI[0].credentials.limit.QPS: taken as `qps`; write it so',
    ])
  })

  test('if a key appears in two letter cases, the correct one is used', () => {
    const { compiled, problems } = loadFile('{"SERVER_PORT": 1, "server_port": 8087, "Server_Port": 2}')
    expect(compiled?.port).toBe(8087)
    expect(problems.filter(({ message }) => message.includes('is ignored: `server_port` is there too'))).toHaveLength(2)
  })

  test('null counts as absent', () => {
    const compiled = compiledOf(
      configWithEntry({ models: ['m'], model_map: null, limit: { qps: null }, server_url: null }, 'openai', {
        api_key: null,
        proxy: null,
      }),
    )
    expect(compiled.keys).toEqual([])
    expect(compiled.entries[0]!.limit).toEqual({ scope: 'entry' })
  })

  test('comment keys are not reported as unknown', () => {
    expect(
      problemsOf(
        configWithEntry({ _why: 'x', '// note': 1 }, 'openai', {
          $schema: './config.schema.json',
          $comment: 'c',
          'x-own': {},
        }),
      ),
    ).toEqual([])
  })
})
