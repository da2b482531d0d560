/** Compiles configurations and checks the result that the rest of the program uses. */
import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { normalizeServerUrl, parseListen, parseProxy, parseSize, parseSocks } from '../../src/config/address.ts'
import { builtinConfig, loadText } from '../../src/config/load.ts'
import { compiledOf, configWithEntry, entryOf } from '../support/config-file.ts'

const sha256 = (text: string) => new Uint8Array(createHash('sha256').update(text).digest())

const maxItems = {
  messages: 20_000,
  calls: 20_000,
  stop_sequences: 1000,
  inputs: 10_000,
  parts: 2000,
  form_fields: 10_000,
  media: 2000,
}

test('a minimal configuration gets the defaults', () => {
  const { entries, ...rest } = compiledOf(configWithEntry({}))
  expect(rest).toEqual({
    host: '0.0.0.0',
    port: 9090,
    logLevel: 'info',
    logFormat: 'auto',
    logPrompts: false,
    keys: [],
    access: { allowedHosts: [], allowedOrigins: [], trustedProxies: [], allowAddresses: [], denyAddresses: [] },
    strategy: 'random',
    redirect: new Map(),
    timeouts: { connect: 10, firstByte: 300, idle: 120, total: 1800 },
    retry: { attempts: 6, backoff: 0.25, maxBackoff: 5, maxTime: 120, budget: 0.2 },
    breaker: { enabled: true, failureThreshold: 5, recoveryTimeout: 30, halfOpenMaxRequests: 1 },
    fallback: new Map(),
    cools: true,
    learns: true,
    hedges: true,
    exposeTargets: true,
    heartbeat: 15,
    maxBody: 33_554_432,
    maxValues: 200_000,
    maxItems: { ...maxItems, tools: 2000 },
    media: { allowPrivate: false, maxBytes: 20_971_520, maxFiles: 16, timeout: 15 },
    shutdownTimeout: 60,
    onLoss: 'note',
    translation: { retry: 0, concurrency: 5 },
    secrets: ['sk-of-a-test'],
  })
  expect(entries).toEqual([
    {
      id: 'openai-1',
      type: 'openai',
      models: ['m'],
      embeddingModels: [],
      redirect: new Map(),
      map: new Map(),
      credentials: [{ index: 0, values: { api_key: 'sk-of-a-test' }, digest: expect.stringMatching(/^[0-9a-f]{8}$/) }],
      weight: 1,
      priority: 0,
      headers: {},
      params: {},
      limit: { scope: 'entry' },
      embeddingLimit: { scope: 'model' },
    },
  ])
})

test('every setting is compiled', () => {
  const compiled = compiledOf(
    configWithEntry(
      {
        id: 'main',
        models: [' a ', 'a', 'b*'],
        embedding_models: ['e', 'e'],
        server_url: ' https://h/v1/?api-version=1 ',
        model_redirect: { x: ' a ' },
        model_map: { a: 'A' },
        speaks: ['anthropic', 'rerank'],
        weight: 3,
        priority: -1,
        headers: { 'X-Team': 'red' },
        params: { temperature: 0, stop: null },
        timeout: 45,
        limit: { qps: 0.5, qpm: 0, rpm: 10, rpd: 100, tpm: 1000.9, concurrency: 2, timeout: 7, scope: 'credential' },
        embedding_limit: { qps: 2, timeout: 0, scope: 'entry' },
      },
      'openai',
      {
        log_prompts: true,
        default_model: ' a ',
        model_redirect: { 'gpt-4': 'a' },
        timeouts: { first_byte: 5 },
        heartbeat: 0,
        max_body: '1.5 MB',
        max_values: 1000,
        max_items: { tools: 3 },
        media: { allow_private: [' 10.1.0.0/16 ', '::1'], max_bytes: '1MB', max_files: 3, timeout: 0.5 },
        shutdown_timeout: 0,
        on_loss: 'refuse',
        load_balancing: 'hash',
      },
    ),
  )
  expect(compiled).toMatchObject({
    logPrompts: true,
    defaultModel: 'a',
    timeouts: { connect: 10, firstByte: 5, idle: 120, total: 1800 },
    heartbeat: 0,
    maxBody: 1_572_864,
    maxValues: 1000,
    maxItems: { ...maxItems, tools: 3 },
    media: { allowPrivate: ['10.1.0.0/16', '::1'], maxBytes: 1_048_576, maxFiles: 3, timeout: 0.5 },
    shutdownTimeout: 0,
    onLoss: 'refuse',
    strategy: 'hash',
  })
  expect([...compiled.redirect]).toEqual([['gpt-4', 'a']])
  const [entry] = compiled.entries
  expect(entry).toMatchObject({
    id: 'main',
    models: ['a', 'b*'],
    embeddingModels: ['e'],
    serverUrl: 'https://h/v1?api-version=1',
    supportedProtocols: ['anthropic', 'rerank'],
    weight: 3,
    priority: -1,
    headers: { 'X-Team': 'red' },
    params: { temperature: 0, stop: null },
    timeout: 45,
  })
  expect([...entry!.redirect, ...entry!.map]).toEqual([
    ['x', 'a'],
    ['a', 'A'],
  ])
  expect(entry!.limit).toEqual({
    qps: 0.5,
    rpm: 10,
    rpd: 100,
    tpm: 1000,
    concurrency: 2,
    timeout: 7,
    scope: 'credential',
  })
  expect(entry!.embeddingLimit).toEqual({ qps: 2, scope: 'entry' })
})

test('paths in speaks are normalised to what follows /v1/', () => {
  const { supportedProtocols } = entryOf({
    speaks: [' /v1/my/custom/ ', 'v1/videos', '/a', 'my/custom', 'anthropic', ''],
  })
  expect(supportedProtocols).toEqual(['my/custom', 'videos', 'a', 'anthropic'])
})

test('a rate limit below one stays a fraction, and a token or concurrency limit is at least one', () => {
  const { limit, models } = entryOf({
    models: ['a', ' ', ''],
    limit: { qps: 0.5, rpm: 0.5, qpm: 1.5, rpd: 0.1, tpm: 0.2, concurrency: 0.9 },
  })
  expect(limit).toEqual({ qps: 0.5, rpm: 0.5, qpm: 1, rpd: 0.1, tpm: 1, concurrency: 1, scope: 'entry' })
  expect(models).toEqual(['a'])
})

test('generated ids count every entry of a type, including disabled ones', () => {
  const enabledEntry = { models: ['m'], enabled: true, credentials: { api_key: 'abcd' } }
  const { entries } = compiledOf({
    services: { openai: [enabledEntry, { ...enabledEntry, enabled: false }, enabledEntry], groq: [enabledEntry] },
  })
  expect(entries.map(({ id }) => id)).toEqual(['openai-1', 'openai-3', 'groq-1'])
})

describe('credentials', () => {
  test('credential values are trimmed strings, and the digest does not depend on their order', () => {
    const [first] = entryOf({
      credentials: { api_key: ' k-1234 ', secret_key: 's', n: { deep: 1 }, limit: { qps: 1 } },
    }).credentials
    const [second] = entryOf({ credentials: { secret_key: 's', api_key: 'k-1234' } }).credentials
    expect(first).toMatchObject({
      values: { api_key: 'k-1234', secret_key: 's' },
      limit: { qps: 1, scope: 'credential' },
    })
    expect(second!.digest).toBe(first!.digest)
    expect(second!.limit).toBeUndefined()
    expect(entryOf({ credentials: { api_key: 'k-1235', secret_key: 's' } }).credentials[0]!.digest).not.toBe(
      first!.digest,
    )
  })

  test('a credential that is a number keeps every digit', () => {
    const { compiled } = loadText(
      '{"services":{"openai":[{"models":["m"],"enabled":true,"credentials":{"api_key":12345678901234567890}}]}}',
      {},
    )
    expect(compiled!.entries[0]!.credentials[0]!.values).toEqual({ api_key: '12345678901234567890' })
  })

  test('credential_list replaces credentials, and a repeated credential is dropped', () => {
    const { credentials } = entryOf({
      credential_list: [{ api_key: 'a-1' }, { api_key: 'a-1' }, { api_key: 'b-2', limit: { rpm: 3 } }],
    })
    expect(credentials.map(({ index, values, limit }) => [index, values['api_key'], limit?.rpm])).toEqual([
      [0, 'a-1', undefined],
      [2, 'b-2', 3],
    ])
    expect(entryOf({ credential_list: [] }).credentials).toHaveLength(1)
  })

  test('an entry without credentials has one empty credential', () => {
    expect(entryOf({ credentials: undefined, server_url: 'http://h/v1' }).credentials).toEqual([
      { index: 0, values: {}, digest: expect.any(String) },
    ])
  })
})

describe('keys', () => {
  test('api_key and api_keys are both valid', () => {
    const { keys } = compiledOf({
      api_key: ' master-key ',
      api_keys: [
        { api_key: 'scoped-key', supported_models: { one: ['a', ' b '], two: ['a', 'c*', ''] } },
        { api_key: 'named-key', name: 'ada' },
        { api_key: 'none-key', supported_models: {} },
      ],
    })
    expect(keys).toEqual([
      { id: 'master', digest: sha256('master-key') },
      { id: expect.stringMatching(/^key-[0-9a-f]{12}$/), digest: sha256('scoped-key'), scopes: ['a', 'b', 'c*'] },
      { id: 'ada', digest: sha256('named-key') },
      { id: expect.any(String), digest: sha256('none-key'), scopes: [] },
    ])
    expect(keys[1]!.id).toBe(`key-${Buffer.from(sha256('scoped-key')).toString('hex').slice(0, 12)}`)
  })

  test('repeated keys become one key with the models of both', () => {
    const scoped = (api_key: string, name: string, models?: string[]) => ({
      api_key,
      name,
      ...(models && { supported_models: { m: models } }),
    })
    const { keys } = compiledOf({
      api_key: 'both',
      api_keys: [
        scoped('both', 'root', ['a']),
        scoped('twin', 'x', ['a']),
        scoped('twin', 'y', ['b', 'a']),
        scoped('wide', 'z', ['a']),
        scoped('wide', 'z'),
      ],
    })
    expect(keys.map(({ id, scopes }) => [id, scopes])).toEqual([
      ['root', undefined],
      ['x', ['a', 'b']],
      ['z', undefined],
    ])
  })
})

describe('proxies', () => {
  const http = { type: 'http', http_proxy: 'http://h:1', https_proxy: 'http://s:2' }
  const proxyOf = (proxy: object | undefined, entry: object = {}) =>
    entryOf(entry, 'deepseek', proxy ? { proxy } : {}).proxy

  test.each([
    ['disabled', undefined, undefined],
    ['disabled', true, undefined],
    ['disabled', false, undefined],
    ['default', undefined, undefined],
    ['default', true, 'http://s:2'],
    ['default', false, false],
    ['all', undefined, 'http://s:2'],
    ['all', true, 'http://s:2'],
    ['all', false, false],
    ['force_all', undefined, 'http://s:2'],
    ['force_all', true, 'http://s:2'],
    ['force_all', false, 'http://s:2'],
  ])('strategy %s with use_proxy %p gives the proxy %p', (strategy, use_proxy, expected) =>
    expect(proxyOf({ ...http, strategy }, use_proxy === undefined ? {} : { use_proxy })).toBe(expected as never),
  )

  test('without a proxy block the environment decides', () => expect('proxy' in entryOf({})).toBe(false))

  test('the vendor’s scheme selects the proxy, and http_proxy and https_proxy replace each other if one is missing', () => {
    const all = { ...http, strategy: 'all' }
    expect(proxyOf(all)).toBe('http://s:2')
    expect(proxyOf(all, { server_url: 'http://10.0.0.1/v1' })).toBe('http://h:1')
    expect(proxyOf({ ...all, https_proxy: '' })).toBe('http://h:1')
    expect(proxyOf({ ...all, http_proxy: undefined }, { server_url: 'http://10.0.0.1/v1' })).toBe('http://s:2')
  })

  test('SOCKS5 proxies work with and without an account', () => {
    const socks = (socks5_proxy: string) => proxyOf({ strategy: 'all', type: 'socks5', socks5_proxy })
    expect(socks(' 10.0.0.2:1080 ')).toBe('socks5://10.0.0.2:1080')
    expect(socks('socks5://u:p%40ss@host:1080/')).toBe('socks5://u:p%40ss@host:1080')
    expect(socks('[::1]:1080')).toBe('socks5://[::1]:1080')
  })

  test('the proxy of an entry overrides the proxy block', () => {
    const forced = { ...http, strategy: 'force_all' }
    expect(proxyOf(forced, { proxy: false })).toBe(false)
    expect(proxyOf(forced, { proxy: 'socks5://other:1' })).toBe('socks5://other:1')
    expect(proxyOf(undefined, { proxy: 'https://u:p@other:1/' })).toBe('https://u:p@other:1')
  })
})

describe('secrets', () => {
  test('every secret is listed once, longest first, including those of disabled and skipped entries', () => {
    const { secrets } = compiledOf({
      api_key: 'gate-key',
      api_keys: [{ api_key: 'gate-key-2' }],
      proxy: { strategy: 'disabled', http_proxy: 'http://u:pass%21word@h:1', socks5_proxy: 'u:sockspass@h:1' },
      services: {
        openai: [
          {
            models: ['m'],
            enabled: true,
            server_url: 'https://me:urlpass@h/v1?api-key=querykey&api-version=2024',
            credential_list: [{ api_key: 'cred-key', domain: 'public' }, { api_key: 'cred-key-longer' }],
            headers: { Authorization: 'Bearer header-token', 'X-Title': 'my title', 'X-Other': 'other-value' },
            proxy: 'socks5://u:entrypass@h:1',
          },
        ],
        groq: [{ enabled: false, credentials: { api_key: 'off-key' } }],
        agentbuilder: [{ enabled: true, models: ['x'], credentials: { secret_key: 'skipped-key', token: 'abc' } }],
        vllm: [{ enabled: true, models: ['x'], credentials: { api_key: 'EMPTY' } }],
      },
    })
    expect(new Set(secrets)).toEqual(
      new Set([
        'gate-key',
        'gate-key-2',
        'pass%21word',
        'u:pass%21word',
        'pass!word',
        'u:pass!word',
        btoa('u:pass!word'),
        'sockspass',
        'u:sockspass',
        btoa('u:sockspass'),
        'urlpass',
        'me:urlpass',
        btoa('me:urlpass'),
        'querykey',
        'cred-key',
        'cred-key-longer',
        'Bearer header-token',
        'header-token',
        'other-value',
        'entrypass',
        'u:entrypass',
        btoa('u:entrypass'),
        'off-key',
        'skipped-key',
      ]),
    )
    expect(secrets).toEqual(secrets.toSorted((one, other) => other.length - one.length))
    expect(new Set(secrets).size).toBe(secrets.length)
  })

  test('the private key of an inline service account is a secret', () => {
    const account = JSON.stringify({ type: 'service_account', private_key: '-----BEGIN-----\nabcdef\n' })
    const { secrets } = compiledOf({ services: { openai: [{ enabled: false, credentials: { json_file: account } }] } })
    expect(secrets).toEqual([account, '-----BEGIN-----\\nabcdef\\n'])
  })
})

describe('addresses and sizes', () => {
  test.each([['70000'], ['0'], ['host'], ['a:b:1'], ['[::1]'], [':'], ['-1'], ['9090x'], ['http://h:1']])(
    '%j is not a listen address',
    input => expect(parseListen(input)).toBeUndefined(),
  )

  test.each([
    ['https://h', 'https://h'],
    ['https://h/', 'https://h'],
    ['https://h/v1///', 'https://h/v1'],
    ['https://h/v1/?a=b/', 'https://h/v1?a=b/'],
    ['wss://h/x#part', 'wss://h/x'],
    ['https://api.cloudflare.com/accounts/{id}/ai/v1', 'https://api.cloudflare.com/accounts/{id}/ai/v1'],
    ['h/v1', undefined],
    ['https:/h', undefined],
    ['file:///etc', undefined],
  ])('server_url %j becomes %p', (input, expected) => expect(normalizeServerUrl(input)).toBe(expected))

  test.each([
    [1, 1],
    ['1024', 1024],
    ['32MB', 33_554_432],
    ['32 mib', 33_554_432],
    ['1k', 1024],
    ['0.5g', 536_870_912],
    ['10 bytes', 10],
    ['5B', 5],
    ['', undefined],
    ['MB', undefined],
    ['-1', undefined],
    ['1TB', undefined],
    [0, undefined],
    [Number.NaN, undefined],
    ['0.2', undefined],
  ])('max_body %j is %p bytes', (input, expected) => expect(parseSize(input)).toBe(expected))

  test('a proxy without a port or with another scheme is refused', () => {
    expect(parseSocks('host')).toBeUndefined()
    expect(parseSocks('socks5h://host:1')).toBe('socks5://host:1')
    expect(parseProxy('socks5://host')).toBeUndefined()
    expect(parseProxy('ftp://host:1')).toBeUndefined()
  })
})

test('the built-in configuration serves only the mock', () => {
  const { entries, secrets, path } = builtinConfig()
  expect({ secrets, path }).toEqual({ secrets: [], path: undefined })
  expect(entries.map(({ type }) => type)).toEqual(['mock'])
  expect(entries[0]!.models).toContain('mock')
  expect(entries[0]!.embeddingModels.length).toBeGreaterThan(0)
})

test('translation is enabled by default, and the template may have either spelling', () => {
  const translationOf = (translation: object) => compiledOf(configWithEntry({}, 'openai', { translation })).translation
  expect(translationOf({ enable: false, retry: 3 })).toBeUndefined()
  expect(translationOf({ prompt_template: '%s: %s', retry: 2, concurrency: 0 })).toEqual({
    template: '%s: %s',
    retry: 2,
    concurrency: 5,
  })
})
