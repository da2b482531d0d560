/** Every problem that a configuration can have, each with a failing example and its path. */
import { describe, expect, test } from 'bun:test'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { Value } from '@sinclair/typebox/value'
import { parse } from 'yaml'
import { hasErrors, renderProblems } from '../../src/config/checks/problems.ts'
import { load } from '../../src/config/load.ts'
import { ConfigSchema } from '../../src/config/schema/schema.ts'
import { unsupported } from '../../src/providers/index.ts'
import { configWithEntry, loadFile, problemLines, problemsOf, writeTempFile } from '../support/config-file.ts'

const withSettings = (more: object) => configWithEntry({}, 'openai', more)
const listPort = 'must be a port from 1 to 65535, `:9090`, `host:9090` or `[::1]:9090`'

const errors: [config: unknown, line: string][] = [
  [withSettings({ server_port: 'nonsense' }), `server_port: ${listPort}`],
  [withSettings({ server_port: ':0' }), `server_port: ${listPort}`],
  [withSettings({ server_port: 65536 }), `server_port: ${listPort}`],
  [withSettings({ server_port: 'a:b:1' }), `server_port: ${listPort}`],
  [withSettings({ server_port: 9090.5 }), 'server_port: must be a whole number'],
  [withSettings({ server_port: true }), 'server_port: must be text or a whole number, not a boolean'],
  [
    withSettings({ load_balancing: 'frist' }),
    'load_balancing: must be one of random, first, round_robin, hash, least_busy, fastest (did you mean "first"?)',
  ],
  [withSettings({ log_level: 'loud' }), 'log_level: must be one of debug, info, warn, error'],
  [withSettings({ enable_web: 'yes' }), 'enable_web: must be true or false, not text'],
  [withSettings({ on_loss: 'ignore' }), 'on_loss: must be one of note, refuse'],
  [withSettings({ heartbeat: -1 }), 'heartbeat: must not be negative'],
  [withSettings({ timeouts: { connect: 0 } }), 'timeouts.connect: must be more than 0'],
  [withSettings({ timeouts: { idle: '5' } }), 'timeouts.idle: must be a number, not text'],
  [withSettings({ max_body: '12 apples' }), 'max_body: must be bytes, or a size such as "32MB", above 0'],
  [
    withSettings({ allowed_hosts: ['gateway.example.com', 'https://gateway.example.com'] }),
    'allowed_hosts[1]: must be a host name such as "gateway.example.com", or "*.example.com", without scheme and port',
  ],
  [
    withSettings({ allowed_origins: ['https://app.example.com/', 'https://app.example.com/path'] }),
    'allowed_origins[1]: must be an origin such as "https://app.example.com", without a path, or "null"',
  ],
  [
    withSettings({ trusted_proxies: ['127.0.0.1', 'proxy.lan'] }),
    'trusted_proxies[1]: must be an address, or a range such as "10.1.0.0/16"',
  ],
  [
    withSettings({ allow_addresses: ['10.0.0.0/33'] }),
    'allow_addresses[0]: must be an address, or a range such as "10.1.0.0/16"',
  ],
  [
    withSettings({ deny_addresses: ['fe80::1%en0'] }),
    'deny_addresses[0]: must be an address, or a range such as "10.1.0.0/16"',
  ],
  [withSettings({ max_body: 0 }), 'max_body: must be bytes, or a size such as "32MB", above 0'],
  [withSettings({ media: { max_bytes: 'much' } }), 'media.max_bytes: must be bytes, or a size such as "20MB", above 0'],
  [withSettings({ media: { timeout: 0 } }), 'media.timeout: must be more than 0'],
  [
    withSettings({ media: { allow_private: ['10.0.0.0/8', 'house.lan'] } }),
    'media.allow_private[1]: must be an address, or a range such as "10.1.0.0/16"',
  ],
  [
    withSettings({ media: { allow_private: ['10.0.0.0/33'] } }),
    'media.allow_private[0]: must be an address, or a range such as "10.1.0.0/16"',
  ],
  [withSettings({ shutdown_timeout: -5 }), 'shutdown_timeout: must not be negative'],
  [withSettings({ api_keys: [{ api_key: ' ' }] }), 'api_keys[0].api_key: must not be empty'],
  [withSettings({ api_keys: [{ name: 'x' }] }), 'api_keys[0].api_key: must not be empty'],
  [withSettings({ api_keys: { a: 1 } }), 'api_keys: must be a list, not an object'],
  [
    withSettings({ api_keys: [{ api_key: 'abcd', supported_models: ['m'] }] }),
    'api_keys[0].supported_models: must be an object, not a list',
  ],
  [withSettings({ model_redirect: { a: 5 } }), 'model_redirect.a: must be text, not a number'],
  [withSettings({ model_redirect: { 'a.b': '' } }), 'model_redirect["a.b"]: must not be empty'],
  [withSettings({ translation: { retry: -1 } }), 'translation.retry: must not be negative'],
  [
    withSettings({ circuit_breaker: { failure_threshold: -1 } }),
    'circuit_breaker.failure_threshold: must not be negative',
  ],
  [withSettings({ proxy: { timeout: -1 } }), 'proxy.timeout: must not be negative'],
  [withSettings({ proxy: { strategy: 'some' } }), 'proxy.strategy: must be one of disabled, default, all, force_all'],
  [
    withSettings({ proxy: { strategy: 'all' } }),
    'proxy.type: required unless the strategy is disabled: http or socks5',
  ],
  [withSettings({ proxy: { strategy: 'all', type: 'ftp' } }), 'proxy.type: must be one of http, socks5'],
  [withSettings({ proxy: { strategy: 'all', type: 'http' } }), 'proxy.http_proxy: this or `https_proxy` is required'],
  [
    withSettings({ proxy: { strategy: 'all', type: 'http', http_proxy: 'host:80' } }),
    'proxy.http_proxy: must be an absolute URL of a proxy: http://host:port',
  ],
  [
    withSettings({ proxy: { https_proxy: '/x', strategy: 'disabled' } }),
    'proxy.https_proxy: must be an absolute URL of a proxy: http://host:port',
  ],
  [withSettings({ proxy: { strategy: 'all', type: 'socks5' } }), 'proxy.socks5_proxy: required'],
  [
    withSettings({ proxy: { strategy: 'all', type: 'socks5', socks5_proxy: 'host' } }),
    'proxy.socks5_proxy: must be host:port or socks5://host:port',
  ],
  [{ services: [] }, 'services: must be an object, not a list'],
  [{ services: { openai: {} } }, 'services.openai: must be a list, not an object'],
  [{ services: { openai: ['x'] } }, 'services.openai[0]: must be an object, not text'],
  [{ services: { openai: [null] } }, 'services.openai[0]: must be an object, not null'],
  [{ services: { opnai: [] } }, 'services.opnai: unknown service type (did you mean "openai"?)'],
  [{ services: { 'quite another': [] } }, 'services["quite another"]: unknown service type'],
  [configWithEntry({ enabled: 1 }), 'services.openai[0].enabled: must be true or false, not a number'],
  [configWithEntry({ models: 'm' }), 'services.openai[0].models: must be a list, not text'],
  [configWithEntry({ models: ['m', 5] }), 'services.openai[0].models[1]: must be text, not a number'],
  [
    configWithEntry({ models: [] }),
    'services.openai[0].models: at least one model, for chat or for embeddings, is required',
  ],
  [configWithEntry({ model_map: { m: ' ' } }), 'services.openai[0].model_map.m: must not be empty'],
  [configWithEntry({ model_redirect: { '': 'm' } }), 'services.openai[0].model_redirect[""]: must not be empty'],
  [
    configWithEntry({ id: '-x' }),
    'services.openai[0].id: must begin with a letter or digit and have only letters, digits, `.`, `_` and `-`',
  ],
  [
    configWithEntry({ id: 'a/b' }),
    'services.openai[0].id: must begin with a letter or digit and have only letters, digits, `.`, `_` and `-`',
  ],
  [
    configWithEntry({ server_url: 'api.example.com/v1' }),
    'services.openai[0].server_url: must be an absolute URL: http://, https://, ws:// or wss:// and a host',
  ],
  [
    configWithEntry({ server_url: 'ftp://h' }),
    'services.openai[0].server_url: must be an absolute URL: http://, https://, ws:// or wss:// and a host',
  ],
  [
    configWithEntry({ server_url: 'http:///v1' }),
    'services.openai[0].server_url: must be an absolute URL: http://, https://, ws:// or wss:// and a host',
  ],
  [
    configWithEntry({ proxy: 'host:1' }),
    'services.openai[0].proxy: must be false or an absolute URL: http://host:port, https://host:port or socks5://host:port',
  ],
  [configWithEntry({ proxy: true }), 'services.openai[0].proxy: must be text or false, not a boolean'],
  [configWithEntry({ credentials: {} }), 'services.openai[0].credentials.api_key: required'],
  [configWithEntry({ credentials: { api_key: ' ' } }), 'services.openai[0].credentials.api_key: required'],
  [
    configWithEntry({ credentials: { api_key: ['a'] } }),
    'services.openai[0].credentials.api_key: must be text, not a list',
  ],
  [
    configWithEntry({ credential_list: [{ api_key: 'abcd' }, {}] }),
    'services.openai[0].credential_list[1].api_key: required',
  ],
  [configWithEntry({ weight: 0 }), 'services.openai[0].weight: must be at least 1'],
  [configWithEntry({ weight: 1001 }), 'services.openai[0].weight: must be at most 1000'],
  [configWithEntry({ weight: 1.5 }), 'services.openai[0].weight: must be a whole number'],
  [configWithEntry({ timeout: -1 }), 'services.openai[0].timeout: must not be negative'],
  [configWithEntry({ limit: { qps: -0.5 } }), 'services.openai[0].limit.qps: must not be negative'],
  [
    configWithEntry({ limit: { scope: 'all' } }),
    'services.openai[0].limit.scope: must be one of entry, credential, model',
  ],
  ...['my custom', '../admin', 'a/./b', 'https://h/x', 'a//b', 'a?b=c', 'a%2fb', 'constructor'].map(
    (name): [object, string] => [
      configWithEntry({ speaks: ['anthropic', name] }),
      `services.openai[0].speaks[1]: ${JSON.stringify(name)} is no protocol, and no path that could stand behind \`/v1/\``,
    ],
  ),
  [
    configWithEntry({ embedding_limit: { timeout: -1 } }),
    'services.openai[0].embedding_limit.timeout: must not be negative',
  ],
  [
    configWithEntry({ credential_list: [{ api_key: 'abcd', limit: { tpm: -1 } }] }),
    'services.openai[0].credential_list[0].limit.tpm: must not be negative',
  ],
  [configWithEntry({ headers: { 'a b': 'x' } }), 'services.openai[0].headers["a b"]: is no name of a header'],
  [
    configWithEntry({ headers: { 'X-A': 'x\ny' } }),
    'services.openai[0].headers.X-A: holds a character a header cannot carry',
  ],
  [configWithEntry({ headers: { Host: 'x' } }), 'services.openai[0].headers.Host: this header belongs to the gateway'],
  [
    configWithEntry({ params: { stream: true } }),
    'services.openai[0].params.stream: cannot be replaced: the gateway needs it as the client sent it',
  ],
  [configWithEntry({ speaks: 'anthropic' }), 'services.openai[0].speaks: must be a list, not text'],
]

describe('errors', () => {
  test.each(errors)('the configuration %j has an error', (config, line) =>
    expect(problemsOf(config)).toEqual([`error ${line}`]),
  )

  test('ids are unique over all services', () => {
    const entry = { models: ['m'], enabled: true, credentials: { api_key: 'abcd' } }
    expect(problemsOf({ services: { openai: [{ ...entry, id: 'x' }], groq: [{ ...entry, id: 'x' }] } })).toEqual([
      'error services.groq[0].id: "x" is the id of services.openai[0] already',
    ])
    expect(problemsOf({ services: { openai: [{ ...entry, id: 'openai-2' }, entry] } })).toEqual([
      'error services.openai[1].id: "openai-2" is the id of services.openai[0] already',
    ])
  })

  test('all problems are reported in one run, with lines, errors first', () => {
    const { compiled, problems } = loadFile(`{
  "heartbeet": 5,
  "log_level": "loud",
  "services": {
    "deepseek": [
      { "models": ["a"], "enabled": true },
      { "models": [""], "enabled": true,
        "credentials": {
          "api_key": ""
        }
      }
    ]
  }
}`)
    expect(compiled).toBeUndefined()
    expect(
      renderProblems(problems, { name: 'config.json' }),
    ).toBe(`config.json:3:3 error log_level: must be one of debug, info, warn, error
config.json:6:7 error services.deepseek[0].credentials.api_key: required
config.json:9:11 error services.deepseek[1].credentials.api_key: required
config.json:2:3 warning heartbeet: unknown key; it has no effect (did you mean "heartbeat"?)
config.json:7:20 warning services.deepseek[1].models[0]: is empty; the gateway ignores it
`)
  })

  test('all problems of an entry are reported, and a value of the wrong type is not reported as missing too', () => {
    const faults = {
      id: 'no name',
      models: 'm',
      server_url: 'h',
      headers: { 'a b': 'x' },
      weight: 0,
      credentials: { api_key: ['a'] },
    }
    expect(problemsOf(configWithEntry(faults))).toEqual([
      'error services.openai[0].models: must be a list, not text',
      'error services.openai[0].credentials.api_key: must be text, not a list',
      'error services.openai[0].id: must begin with a letter or digit and have only letters, digits, `.`, `_` and `-`',
      'error services.openai[0].server_url: must be an absolute URL: http://, https://, ws:// or wss:// and a host',
      'error services.openai[0].headers["a b"]: is no name of a header',
      'error services.openai[0].weight: must be at least 1',
    ])
    const missing = problemsOf(configWithEntry({ id: ' a b', models: [], credentials: {} })).join('\n')
    for (const one of ['openai[0].id: ', 'openai[0].models: at least', 'credentials.api_key: required'])
      expect(missing).toContain(one)
  })

  test('a file below the working directory is shown by its relative path', () => {
    const renderFor = (file: string) =>
      renderProblems([{ level: 'error', path: 'a', message: 'b', file, line: 1, column: 2 }])
    expect(renderFor(join(process.cwd(), 'x', 'config.json'))).toBe(`${join('x', 'config.json')}:1:2 error a: b\n`)
    expect(renderFor('/elsewhere/config.json')).toBe('/elsewhere/config.json:1:2 error a: b\n')
    expect(renderProblems([])).toBe('')
  })

  test('problems are coloured if color is set', () => {
    const { problems } = loadFile('{"heartbeat": -1}')
    expect(renderProblems(problems, { color: true, name: 'c' })).toContain('c:1:2 \x1b[31merror\x1b[0m heartbeat')
  })
})

const warnings: [config: unknown, line: string][] = [
  [
    withSettings({ load_balance: 'first' }),
    'load_balance: unknown key; it has no effect (did you mean "load_balancing"?)',
  ],
  [
    withSettings({ trusted_proxies: ['10.0.0.0/8', '::/0'] }),
    'trusted_proxies[1]: trusts every address, so each client can claim to have another one',
  ],
  [withSettings({ utterly: 'different' }), 'utterly: unknown key; it has no effect'],
  [withSettings({ openai: [] }), 'openai: belongs inside `services`; here it has no effect'],
  [withSettings({ XingHuo: [] }), 'XingHuo: belongs inside `services`; here it has no effect'],
  [withSettings({ models: [] }), 'models: belongs into an entry of `services`; here it has no effect'],
  [
    configWithEntry({ api_key: 'abcd' }),
    'services.openai[0].api_key: belongs inside `credentials`; here it has no effect',
  ],
  [
    configWithEntry({ credentials: { api_key: 'abcd', models: [] } }),
    'services.openai[0].credentials.models: belongs beside `credentials`, not inside; here it has no effect',
  ],
  [
    configWithEntry({ limit: { rpmm: 5 } }),
    'services.openai[0].limit.rpmm: unknown key; it has no effect (did you mean "rpm"?)',
  ],
  [
    configWithEntry({ limit: { rpm: 10.7 } }),
    'services.openai[0].limit.rpm: is taken as 10: only rates below 1 are fractions',
  ],
  [
    configWithEntry({ limit: { concurrency: 0.5 } }),
    'services.openai[0].limit.concurrency: is taken as 1: only rates below 1 are fractions',
  ],
  [configWithEntry({ models: ['m', ' '] }), 'services.openai[0].models[1]: is empty; the gateway ignores it'],
  [
    configWithEntry({ embedding_models: [''] }),
    'services.openai[0].embedding_models[0]: is empty; the gateway ignores it',
  ],
  [
    configWithEntry({ credentials: { api_key: 'sk-replace-me' } }),
    'services.openai[0].credentials.api_key: is still the placeholder of a sample: put what is your own here',
  ],
  [
    withSettings({ api_key: 'sk-replace-me' }),
    'api_key: is still the placeholder of a sample: put what is your own here',
  ],
  ...['a${NO-plain}', '${K', '${ K }'].map((text): [object, string] => [
    configWithEntry({ params: { user: text } }),
    'services.openai[0].params.user: holds a `${` that begins no variable (`${NAME}` or `${NAME:-default}`) and stays as it is; write `$${` if that is meant',
  ]),
  [
    configWithEntry({ params: { user: '${A:-${B}}' } }),
    'services.openai[0].params.user: holds a variable inside the default of another, which is taken as text',
  ],
  [
    configWithEntry({ models: ['a*b'] }),
    'services.openai[0].models[0]: only a `*` at the end stands for anything; this one is an ordinary character',
  ],
  [
    configWithEntry({ models: ['random'] }),
    'services.openai[0].models[0]: `random` is what clients say for any model; this one cannot be asked for',
  ],
  [
    configWithEntry({ model_map: { other: 'x' } }),
    'services.openai[0].model_map.other: is never used: this name is not among `models`',
  ],
  [
    configWithEntry({ credential_list: [{ api_key: 'abcd' }, { api_key: 'abcd' }] }),
    'services.openai[0].credential_list[1]: ignored: the same as credential_list[0]',
  ],
  [
    withSettings({ proxy: { http_proxy: 'http://h:1' } }),
    'proxy: treated as disabled: it has no `strategy` (disabled, default, all or force_all)',
  ],
  [
    configWithEntry({ speaks: ['openai-chat', 'antropic'] }),
    'services.openai[0].speaks[1]: no protocol of this name is known (did you mean "anthropic"?)',
  ],
  [
    configWithEntry({ speaks: ['my/custom', 'own/chat/completions'] }),
    'services.openai[0].speaks[1]: has no effect: addresses that end so are answered by the gateway itself',
  ],
  [withSettings({ enable_web: true }), 'enable_web: the web page is not built yet: none is served'],
  [withSettings({ log_prompts: true }), 'log_prompts: what clients write goes into the log'],
  [
    withSettings({ model_redirect: { a: 'nowhere' } }),
    'model_redirect.a: leads nowhere: no service in use offers this model',
  ],
  [withSettings({ default_model: 'nowhere' }), 'default_model: leads nowhere: no service in use offers this model'],
  [
    withSettings({ api_keys: [{ api_key: 'abcd', supported_models: {} }] }),
    'api_keys[0].supported_models: names no model: the key may use none',
  ],
  [
    withSettings({ api_keys: [{ api_key: 'abcd' }] }),
    'api_keys[0]: has no `supported_models`, so the key may use every model (v0.10 let it use none); write "supported_models": { "all": ["*"] } if that is meant',
  ],
  [{}, 'services: no service is in use: every model is unknown'],
  [configWithEntry({ enabled: false }), 'services: no service is in use: every model is unknown'],
]

describe('warnings', () => {
  test.each(warnings)('the configuration %j has a warning', (config, line) =>
    expect(problemsOf(config)).toEqual([`warning ${line}`]),
  )

  test('a missing "enabled" is warned of', () => {
    const { enabled: _, ...entry } = configWithEntry({}).services['openai']![0]!
    expect(problemsOf({ services: { openai: [entry] } })).toContain(
      'warning services.openai[0].enabled: is missing, so the entry is off; write "enabled": true to use it',
    )
  })

  test('a disabled entry is checked only against the schema', () => {
    const disabled = { enabled: false, models: [], credentials: {}, server_url: 'nonsense', id: '///' }
    expect(
      problemsOf({
        services: { openai: [disabled], gemini: [disabled], deepseek: [configWithEntry({}).services['openai']![0]] },
      }),
    ).toEqual([])
    expect(problemsOf({ services: { openai: [{ ...disabled, models: 5 }] } })).toEqual([
      'error services.openai[0].models: must be a list, not a number',
    ])
  })

  test('an unsupported service type is skipped with a hint and not checked further', () => {
    for (const [type, hint] of unsupported)
      expect(
        problemsOf({ services: { [type]: [{ enabled: true }], openai: [configWithEntry({}).services['openai']![0]] } }),
      ).toEqual([`warning services.${type}[0]: skipped: ${hint}`])
  })

  test('an unsupported variant is skipped with a hint', () => {
    expect(problemsOf(configWithEntry({}, 'azure')).join('\n')).toContain(
      'warning services.azure[0]: skipped: needs a server_url',
    )
  })

  test.if(process.platform !== 'win32')('a file with keys that every user can read is warned of', () => {
    const path = writeTempFile(JSON.stringify(configWithEntry({ credentials: { api_key: 'sk-inline-key' } })))
    const lines = () => problemLines(load(path, {}).problems)
    expect(lines()).toEqual([])
    chmodSync(path, 0o644)
    expect(lines()).toEqual(['warning every user of this machine can read its keys; chmod 600 config.json keeps them'])
    for (const none of ['${KEY}', 'sk-replace-me']) {
      const clean = writeTempFile(JSON.stringify(configWithEntry({ credentials: { api_key: none } })))
      chmodSync(clean, 0o644)
      expect(problemLines(load(clean, { KEY: 'sk-from-elsewhere' }).problems).join()).not.toContain('chmod')
    }
  })

  test('a key that is configured twice is warned of', () => {
    const scoped = (api_key: string, ...models: string[]) => ({ api_key, supported_models: { any: models } })
    expect(problemsOf(withSettings({ api_keys: [scoped('abcd', 'a'), scoped('abcd', 'b')] }))).toEqual([
      'warning api_keys[1].api_key: the same key is written above; it may use the models of both',
    ])
    expect(problemsOf(withSettings({ api_key: 'abcd', api_keys: [scoped('abcd', 'a')] }))).toEqual([
      'warning api_keys[0].api_key: the same as `api_key`, which may use every model',
    ])
  })
})

describe('valid configurations have no problems', () => {
  test.each([
    configWithEntry({ credentials: {}, server_url: 'http://10.0.0.1:8000/v1' }),
    configWithEntry({ credentials: {} }, 'ollama'),
    configWithEntry({ limit: { rpm: 0.5, qpm: 0.25, rpd: 0.1, qps: 0.3 } }),
    configWithEntry({ params: { user: '$${K} $K {}' } }),
    configWithEntry({ models: ['*'], model_map: { x: 'y' } }),
    configWithEntry({ models: [], embedding_models: ['e'] }),
    configWithEntry({ models: undefined }, 'deepseek'),
    withSettings({ model_redirect: { a: 'm', all: 'random', b: 'all' }, default_model: 'a' }),
    withSettings({ default_model: 'random' }),
    withSettings({ api_keys: [{ api_key: 'abcd', supported_models: { all: ['*'] } }] }),
    withSettings({ proxy: { strategy: 'disabled', http_proxy: 'http://h:1' } }),
    configWithEntry({
      params: { nested: { anything: [null, 1] } },
      headers: { Authorization: 'Bearer x' },
      speaks: ['anthropic'],
    }),
  ])('the configuration %j has no problems', config => expect(problemsOf(config)).toEqual([]))
})

// TypeBox does not check `enum`.
test('our schema check and TypeBox agree on which configurations are valid', () => {
  const isShape = /: must (?:be (?:text|true|an? (?:number|whole number|list|object)|at |more than)|not be negative)/
  const isMore = /only `qps`/
  for (const [config, line] of errors)
    if (isShape.test(line) && !isMore.test(line))
      expect({ line, valid: Value.Check(ConfigSchema, config) }).toEqual({ line, valid: false })
  for (const [config, line] of warnings)
    expect({ line, valid: Value.Check(ConfigSchema, config) }).toEqual({ line, valid: true })
})

describe('no problem contains a secret', () => {
  const canary = 'canary-9f8e7d'
  const badConfigs: unknown[] = [
    ...errors.map(([config]) => config),
    withSettings({ api_key: [canary] }),
    withSettings({ api_keys: [canary] }),
    withSettings({
      api_keys: { [`sk-${canary}-that-is-longer-than-any-key`]: {} },
      [`sk-${canary}-that-is-longer-than-any-key`]: 1,
    }),
    withSettings({ load_balancing: canary, log_level: canary, max_body: canary, server_port: canary }),
    withSettings({ proxy: { strategy: canary, type: canary, http_proxy: canary, socks5_proxy: `u:${canary}@` } }),
    configWithEntry({ credentials: canary, proxy: `x://u:${canary}@h`, server_url: `nope://u:${canary}@h` }),
    configWithEntry({ credentials: { api_key: { deep: canary } }, headers: { A: `${canary}\n` } }),
    configWithEntry({ credential_list: [{ api_key: canary }, { api_key: canary }, { secret: canary }] }),
  ]

  test('no problem of a JSON or YAML file contains a secret', () => {
    for (const config of badConfigs)
      for (const name of ['config.json', 'config.yaml']) {
        const { problems } = loadFile(
          JSON.stringify(config, (_, value) => (value === 'abcd' ? canary : value)),
          {},
          name,
        )
        expect(renderProblems(problems)).not.toContain(canary)
      }
    const { problems } = loadFile(JSON.stringify(configWithEntry({ limit: { rpm: '${K}' }, weight: '${K}' })), {
      K: canary,
    })
    expect(hasErrors(problems)).toBe(true)
    expect(renderProblems(problems)).not.toContain(canary)
  })

  test('the YAML parser reads the JSON examples unchanged', () =>
    expect(parse(JSON.stringify(badConfigs[0]))).toEqual(JSON.parse(JSON.stringify(badConfigs[0]))))
})
