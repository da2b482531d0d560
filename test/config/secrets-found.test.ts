/** Each place of a configuration that holds a secret, and each that looks like one and holds none. */
import { describe, expect, test } from 'bun:test'
import { isSamplePlaceholder, secretsOf } from '../../src/config/checks/secrets.ts'
import type { Config } from '../../src/config/schema/schema.ts'

const secretsIn = (entry: object): string[] =>
  secretsOf({ services: { openai: [{ enabled: false, ...entry }] } } as unknown as Config)

describe('a credential', () => {
  test.each([
    'api_key',
    'secret_key',
    'secret_id',
    'access_key',
    'session_token',
    'api_secret',
    'appid',
    'group_id',
    'token',
    'private_key',
    'client_secret',
    'refresh_token',
    'invented',
  ])('%s is a secret, alone and in a list', name => {
    expect(secretsIn({ credentials: { [name]: 'the-value' } })).toEqual(['the-value'])
    expect(secretsIn({ credential_list: [{ [name]: 'the-value' }] })).toEqual(['the-value'])
  })
  test.each([
    'account_id',
    'domain',
    'location',
    'project_id',
    'model_id',
    'address',
    'json_file',
    'region',
    'client_email',
    'client_id',
    'private_key_id',
    'token_uri',
    'auth_uri',
    'type',
    'universe_domain',
  ])('%s is public, unless it holds a whole key file', name => {
    expect(secretsIn({ credentials: { [name]: 'the-value' } })).toEqual([])
    const file = '{"private_key": "-----BEGIN\\nx"}'
    expect(secretsIn({ credentials: { [name]: file } }).sort()).toEqual([file, '-----BEGIN\\nx'].sort())
  })
})

describe('a header', () => {
  test.each(['Authorization', 'x-api-key', 'Cookie', 'x-invented', 'x-accept', 'openai-organization'])(
    '%s is a secret, with its scheme and without',
    name => {
      expect(secretsIn({ headers: { [name]: 'Bearer the-value' } })).toEqual(['Bearer the-value', 'the-value'])
      expect(secretsIn({ headers: { [name]: 'the-value' } })).toEqual(['the-value'])
    },
  )
  test.each([
    'accept',
    'Accept-Language',
    'content-type',
    'User-Agent',
    'HTTP-Referer',
    'referer',
    'X-Title',
    'anthropic-version',
    'anthropic-beta',
    'openai-version',
    'OpenAI-Beta',
  ])('%s is public', name => expect(secretsIn({ headers: { [name]: 'the-value' } })).toEqual([]))
})

describe('an address', () => {
  test.each([
    'key',
    'api-key',
    'access_token',
    'client_secret',
    'sig',
    'X-Amz-Signature',
    'auth',
    'password',
    'code',
    'KEY',
  ])('has a secret in the parameter %s', name =>
    expect(secretsIn({ server_url: `https://h/v1?a=plain&${name}=the%2Dvalue` })).toEqual(['the-value']),
  )
  test.each(['api-version', 'a', 'region', 'model', 'alt'])('has none in the parameter %s', name =>
    expect(secretsIn({ server_url: `https://h/v1?${name}=the-value` })).toEqual([]),
  )
  test.each([
    [
      'https://user:the%2Dvalue@h/v1',
      ['user:the%2Dvalue', 'user:the-value', 'the%2Dvalue', 'the-value'],
      'user:the-value',
    ],
    ['user:the-value@h:1080', ['user:the-value', 'the-value'], 'user:the-value'],
    ['socks5://user:the-value@h', ['user:the-value', 'the-value'], 'user:the-value'],
    ['https://user@h/v1', [], 'user:'],
    ['https://the-value@h/v1', ['the-value'], 'the-value:'],
    ['https://the-value:@h/v1', ['the-value'], 'the-value:'],
    ['https://user:%zz-value@h', ['user:%zz-value', '%zz-value'], 'user:%zz-value'],
  ])('of a proxy, %s: %j, and the base64 of %s', (proxy, secrets, sent) =>
    expect(new Set(secretsIn({ proxy }))).toEqual(new Set([...secrets, btoa(sent)])),
  )
  test('of a proxy without an account has none', () => expect(secretsIn({ proxy: 'https://h:8080/v1' })).toEqual([]))
  test.each(['http_proxy', 'https_proxy', 'socks5_proxy'] as const)('of all, %s', name =>
    expect(secretsOf({ proxy: { [name]: 'http://u:the-value@h' } } as unknown as Config)).toEqual([
      btoa('u:the-value'),
      'u:the-value',
      'the-value',
    ]),
  )
})

describe('a key of a client', () => {
  test('is a secret, in the list too', () =>
    expect(secretsOf({ api_key: 'first-key', api_keys: [{ api_key: 'second-key' }] } as unknown as Config)).toEqual([
      'second-key',
      'first-key',
    ]))
})

describe('a placeholder', () => {
  test.each([
    'dummy',
    'empty',
    'lm-studio',
    'lmstudio',
    'mock',
    'no-key',
    'none',
    'not-needed',
    'null',
    'ollama',
    'test',
    'vllm',
    'password',
    'EMPTY',
    ' None ',
    'abc',
  ])('%j is no secret', value => expect(secretsIn({ credentials: { api_key: value } })).toEqual([]))
  test.each(['replace-me', 'sk-replace-me', 'your-key', 'YOUR-API-KEY', ' your-key'])('%j is one of a sample', text =>
    expect(isSamplePlaceholder(text)).toBe(true),
  )
  test.each(['my-your-key', 'yourkey', 'sk-1', ''])('%j is none of a sample', text =>
    expect(isSamplePlaceholder(text)).toBe(false),
  )
})
