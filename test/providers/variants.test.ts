/** Which variant of a vendor an entry selects: one that works, or a hint on what to configure instead. */
import { expect, test } from 'bun:test'
import type { Credential } from '../../src/providers/entry.ts'
import { credentialsOf, urlOf, wireOf } from '../../src/providers/resolve-url.ts'
import { entryOf, targetOf } from '../contracts/provider.ts'
import { loadFile } from '../support/config-file.ts'

const credentials = (...list: Record<string, string>[]): Credential[] =>
  list.map((values, index) => ({ index, values, digest: String(index).padStart(8, '0') }))

const pair = { api_key: 'k', secret_key: 's' }
const ark = 'https://ark.cn-beijing.volces.com/api/v3'

/** `works`: the entry is served. Otherwise a part of the hint. */
const rows: [type: string, given: Record<string, string>, serverUrl: string | undefined, outcome: string][] = [
  ['qianfan', { api_key: 'bce-v3/k' }, undefined, 'works'],
  ['qianfan', { api_key: 'bce-v3/k' }, 'https://qianfan.baidubce.com/v2', 'works'],
  ['qianfan', pair, undefined, 'bce-v3/'],
  ['qianfan', { ...pair, address: 'my_own_endpoint' }, undefined, 'bce-v3/'],

  ['hunyuan', { api_key: 'k' }, undefined, 'works'],
  ['hunyuan', { api_key: 'k' }, 'https://tokenhub.tencentmaas.com/v1', 'works'],
  ['hunyuan', { secret_id: 'i', secret_key: 's' }, undefined, 'API key of TokenHub'],
  ['hunyuan', { ...pair, secret_id: 'i' }, undefined, 'works'],

  ['xinghuo', { api_key: 'APIPassword' }, undefined, 'works'],
  ['xinghuo', { api_key: 'k' }, 'https://spark-api-open.xf-yun.com/v1/chat/completions', 'works'],
  ['xinghuo', { appid: 'a', api_key: 'k', api_secret: 's' }, undefined, 'APIPassword'],
  ['xinghuo', { api_key: 'k', api_secret: 's' }, undefined, 'APIPassword'],
  ['xinghuo', { api_key: 'k' }, 'wss://spark-api.xf-yun.com/v3.5/chat', 'APIPassword'],

  ['minimax', { api_key: 'k' }, undefined, 'works'],
  ['minimax', { api_key: 'k' }, 'https://api.minimax.io/v1', 'works'],
  ['minimax', { api_key: 'k', group_id: '1' }, undefined, 'remove group_id'],
  ['minimax', { api_key: 'k', group_id: '1' }, 'https://api.minimax.chat/v1/chat/completions', 'works'],
  [
    'minimax',
    { api_key: 'k', group_id: '1' },
    'https://api.minimax.chat/v1/text/chatcompletion_pro',
    'remove group_id',
  ],
  ['minimax', { api_key: 'k' }, 'https://api.minimax.chat/v1/text/chatcompletion_pro', 'remove group_id'],

  ['huoshan', { api_key: 'k' }, undefined, 'works'],
  ['huoshan', { api_key: 'k' }, ark, 'works'],
  ['huoshan', { access_key: 'a', secret_key: 's' }, ark, 'API key of the Ark console'],
  ['huoshan', { ...pair, access_key: 'a' }, undefined, 'works'],

  ['cloudflare', { api_key: 'k', account_id: '0a1b' }, undefined, 'works'],
  ['cloudflare', { api_key: 'k' }, 'https://api.cloudflare.com/client/v4/accounts/0a1b/ai/v1', 'works'],

  ['github', { api_key: 'k' }, undefined, 'closed on 30 July 2026'],
  ['perplexity', { api_key: 'k' }, undefined, 'works'],
]

test.each(rows)('%s with %j at %p: %s', (type, given, serverUrl, outcome) => {
  const resolved = wireOf(entryOf(type, { credentials: credentials(given), ...(serverUrl && { serverUrl }) }))
  if (outcome === 'works') expect(resolved).toHaveProperty('wire')
  else expect(resolved).toEqual({ unsupported: expect.stringContaining(outcome) })
})

test.each(rows)('%s with %j at %p in a configuration file: %s', (type, given, serverUrl, outcome) => {
  const entry = { enabled: true, models: ['m'], credentials: given, ...(serverUrl && { server_url: serverUrl }) }
  const { compiled, problems } = loadFile(JSON.stringify({ services: { [type]: [entry] } }))
  expect(problems.filter(({ level }) => level === 'error')).toEqual([])
  const skipped = problems.filter(({ message }) => message.startsWith('skipped: ')).map(({ message }) => message)
  if (outcome !== 'works') expect(skipped).toEqual([expect.stringContaining(outcome)])
  expect(compiled!.entries).toHaveLength(outcome === 'works' ? 1 : 0)
})

test('one credential of the old form among several makes the whole entry the old form', () => {
  const mixedEntry = entryOf('qianfan', { credentials: credentials({ api_key: 'bce-v3/k' }, pair) })
  expect(wireOf(mixedEntry)).toEqual({ unsupported: expect.stringContaining('bce-v3/') })
})

test('cloudflare needs the account id only if the URL does not name it, and each credential uses its own account', () => {
  expect(credentialsOf(entryOf('cloudflare'))).toEqual(['api_key', 'account_id'])
  const serverUrl = 'https://api.cloudflare.com/client/v4/accounts/0a1b/ai/v1'
  expect(credentialsOf(entryOf('cloudflare', { serverUrl }))).toEqual(['api_key'])
  const url = (account: string) =>
    urlOf(targetOf(entryOf('cloudflare'), 'm', { api_key: 'k', account_id: account }), 'openai-chat')
  expect(url('one')).toBe('https://api.cloudflare.com/client/v4/accounts/one/ai/v1/chat/completions')
  expect(url('t/wo')).toBe('https://api.cloudflare.com/client/v4/accounts/t%2Fwo/ai/v1/chat/completions')
})
