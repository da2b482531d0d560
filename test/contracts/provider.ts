/** The contract that every provider fulfils. `test/providers/vendors.test.ts` runs it for the registry. */

import { describe, expect, test } from 'bun:test'
import type { Json, JsonObject } from '../../src/base/json/json.ts'
import { egressOf, unaryEgressOf } from '../../src/protocols/registry.ts'
import type { Entry, Target } from '../../src/providers/entry.ts'
import { unsupported } from '../../src/providers/index.ts'
import type { Provider, UpstreamRequest } from '../../src/providers/provider.ts'
import { credentialsOf, supportsProtocol, urlOf, wireOf } from '../../src/providers/resolve-url.ts'
import { createProxies } from '../../src/upstream/connection/proxy.ts'
import { createTokenFetch } from '../../src/upstream/connection/token-fetch.ts'
import { defaultEntry as bareEntry } from '../support/default-entry.ts'

const fetchToken = createTokenFetch(createProxies())

/** An entry as the configuration creates it. `change` contains what the test is about. */
export const entryOf = (type: string, change: Partial<Entry> = {}): Entry =>
  bareEntry(type, { models: ['some-model'], ...change })

export const targetOf = (entry: Entry, model = 'some-model', values: Record<string, string> = {}): Target => ({
  id: `${entry.id}/00000000/${model}`,
  entry,
  credential: { index: 0, values, digest: '00000000' },
  model,
})

/**
 * An entry that works with the provider. A provider that needs a server of the user's own gets one that matches its
 * host pattern.
 */
export const plainEntry = (provider: Provider): Entry => {
  const entry = entryOf(provider.id)
  if (!('unsupported' in wireOf(entry))) return entry
  const pattern = provider.hosts?.find(host => host.startsWith('*.'))
  return entryOf(provider.id, { serverUrl: `https://somebody${pattern?.slice(1)}` })
}

const secret = 'sk-SECRET/with+signs=1'

/** Requests with everything that a vendor may refuse, both within its ranges and outside. */
const requests: JsonObject[] = [
  { model: 'm', messages: [{ role: 'user', content: 'hi' }] },
  {
    model: 'm',
    messages: [
      { role: 'developer', content: 'rules', name: 'boss' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'what is it' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
        ],
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'c', content: 'done' },
    ],
    temperature: 7,
    top_p: 0,
    n: 3,
    logprobs: true,
    top_logprobs: 2,
    logit_bias: { 50256: -100 },
    max_completion_tokens: 9,
    stop: 'x',
    stream: true,
    unknown_field: { kept: true },
  },
  { model: 'm', messages: [{ role: 'user', content: 'hi' }], temperature: -1, top_p: 2, n: 1, logprobs: false },
]

const answers: JsonObject[] = [
  { id: 'a', choices: [{ index: 0, delta: { content: 'x' }, finish_reason: null }] },
  {
    id: 'a',
    choices: [
      {
        index: 0,
        delta: {},
        finish_reason: 'stop',
        usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
      },
    ],
  },
  { id: 'a', choices: [], usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 } },
  { error: { message: 'no' } },
]

const nulls = (value: Json | undefined): number => {
  if (value === null) return 1
  return typeof value === 'object'
    ? Object.values(value).reduce<number>((sum, item) => sum + nulls(item as Json), 0)
    : 0
}

/** Checks the provider's data, and its hooks with a target that is created here. */
export const providerContract = (provider: Provider): void =>
  describe(`provider ${provider.id}`, () => {
    const entry = plainEntry(provider)
    const plain = Object.fromEntries(provider.credentials.map(name => [name, `some-${name.replace('_', '-')}`]))
    const target = targetOf(entry, 'some-model', { ...plain, api_key: secret })
    const resolved = wireOf(entry)
    if ('unsupported' in resolved) throw new Error(`${provider.id} serves no entry: ${resolved.unsupported}`)
    const { wire } = resolved

    test('it has an id, a title, documentation and a month of its last check', () => {
      expect(provider.id).toMatch(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/)
      expect(provider.title).not.toBe('')
      expect(new URL(provider.docs).protocol).toBe('https:')
      expect(provider.checked).toMatch(/^20\d\d-\d\d$/)
      expect(unsupported.has(provider.id)).toBe(false)
      expect(resolved.provider).toBe(provider)
    })

    test('every address is a URL on the host of its base', () => {
      const base = new URL(typeof wire.base === 'string' ? wire.base : wire.base(target, { stream: false }))
      expect(base.pathname).not.toMatch(/.\/$/)
      const [best = ''] = Object.keys(wire.paths)
      expect(egressOf(best) ?? unaryEgressOf(best)).toBeDefined()
      for (const protocol of Object.keys(wire.paths)) {
        expect(supportsProtocol(entry, protocol)).toBe(true)
        const url = new URL(urlOf(target, protocol))
        expect(url.host).toBe(base.host)
        expect(url.pathname).not.toContain('//')
        expect(url.hash).toBe('')
      }
      expect(supportsProtocol(entry, 'no/such/path')).toBe(false)
      expect(() => urlOf(target, 'no/such/path')).toThrow('does not serve')
    })

    test('the credential is sent in one header and nowhere else', async () => {
      const [first = ''] = Object.keys(wire.paths)
      const createRequest = (): UpstreamRequest => ({ url: urlOf(target, first), headers: new Headers(), body: '{}' })
      const signed = createRequest()
      await wire.sign(signed, target, fetchToken)
      expect(signed.url).toBe(createRequest().url)
      expect(signed.body).toBe('{}')
      const carriers = [...signed.headers].filter(([, value]) => value.includes(secret))
      expect(carriers.length).toBe(wire.transport ? 0 : 1)
      const unsigned = createRequest()
      await wire.sign(unsigned, targetOf(entry), fetchToken)
      expect([...unsigned.headers]).toEqual([])
    })

    test('a header of the entry replaces the header of the key', async () => {
      const signed = { url: urlOf(target, Object.keys(wire.paths)[0]!), headers: new Headers(), body: '{}' }
      await wire.sign(signed, target, fetchToken)
      for (const [name] of [...signed.headers].filter(([, value]) => value.includes(secret))) {
        const customTarget = { ...target, entry: { ...entry, headers: { [name.toUpperCase()]: 'of the entry' } } }
        const request = { ...signed, headers: new Headers(customTarget.entry.headers) }
        await wire.sign(request, customTarget, fetchToken)
        expect(request.headers.get(name)).toBe('of the entry')
      }
    })

    test('a credential that no header can carry is refused without revealing it', async () => {
      if (wire.transport) return
      const request = { url: 'https://h/', headers: new Headers(), body: undefined }
      const bad = targetOf(entry, 'm', { api_key: 'sk-密钥' })
      const thrown = await Promise.try(() => wire.sign(request, bad, fetchToken)).then(
        () => 'nothing thrown',
        (error: Error) => String(error),
      )
      expect(thrown).toContain('no HTTP header can carry')
      expect(thrown).not.toContain('sk-')
    })

    test('credentials and models contain no duplicates', () => {
      for (const list of [provider.credentials, provider.models ?? [], provider.embeddingModels ?? []])
        expect(new Set(list).size).toBe(list.length)
      expect(credentialsOf(entryOf(provider.id))).toEqual(
        'unsupported' in wireOf(entryOf(provider.id)) ? [] : provider.credentials,
      )
      if (provider.keyless)
        expect(credentialsOf(entryOf(provider.id, { serverUrl: 'http://10.0.0.1:8080' }))).toEqual([])
      else {
        // A URL may replace other credentials, but never the API key.
        const asked = credentialsOf(entryOf(provider.id, { serverUrl: 'https://10.0.0.1:8080/v1' }))
        expect(provider.credentials).toEqual(expect.arrayContaining(asked))
        expect(asked.includes('api_key')).toBe(provider.credentials.includes('api_key'))
      }
    })

    test('patchRequest adds no null, is idempotent and keeps unknown fields', () => {
      for (const [protocol, patchRequest] of Object.entries(wire.patchRequest ?? {})) {
        expect(Object.keys(wire.paths)).toContain(protocol)
        for (const request of requests) {
          const body = structuredClone(request)
          const losses: string[] = []
          patchRequest(body, path => losses.push(path), target)
          expect(nulls(body)).toBeLessThanOrEqual(nulls(request))
          expect(body['unknown_field']).toEqual(request['unknown_field'])
          if (protocol === 'openai-chat') expect(body['model']).toBe('m')
          const once = structuredClone(body)
          patchRequest(body, path => losses.push(`again ${path}`), target)
          expect(body).toEqual(once)
          expect(losses.filter(path => path.startsWith('again'))).toEqual([])
        }
        if (protocol !== 'openai-chat') continue
        const plainRequest = structuredClone(requests[0]!)
        patchRequest(plainRequest, path => expect(path).toBe('nothing'), target)
        expect(plainRequest).toEqual(requests[0]!)
      }
    })

    test('patchTopLevel returns top-level members and is idempotent', () => {
      for (const [protocol, patchTopLevel] of Object.entries(wire.patchTopLevel ?? {})) {
        expect(Object.keys(wire.paths)).toContain(protocol)
        for (const request of requests) {
          const change = patchTopLevel(structuredClone(request), () => undefined, target)
          expect(nulls(change)).toBeLessThanOrEqual(nulls(request))
          const again = patchTopLevel({ ...request, ...change }, path => expect(path).toBe('nothing'), target)
          expect({ ...request, ...change, ...again }).toEqual({ ...request, ...change })
        }
      }
    })

    test('trimTranslated adds no null and keeps unknown fields', () => {
      for (const [protocol, trimTranslated] of Object.entries(wire.trimTranslated ?? {})) {
        expect(Object.keys(wire.paths)).toContain(protocol)
        for (const request of requests) {
          const body = structuredClone(request)
          trimTranslated(body, () => undefined, target)
          expect(nulls(body)).toBeLessThanOrEqual(nulls(request))
          expect(body['unknown_field']).toEqual(request['unknown_field'])
        }
      }
    })

    test('patchResponse is idempotent', () => {
      for (const patchResponse of Object.values(wire.patchResponse ?? {}))
        for (const answer of answers) {
          const body = structuredClone(answer)
          patchResponse(body)
          const once = structuredClone(body)
          patchResponse(body)
          expect(body).toEqual(once)
        }
    })

    test('every difference from the protocol is described in quirks', () => {
      const wires = [provider, ...(provider.variants ?? []).filter(variant => !('unsupported' in variant))]
      const hookNames = ['patchRequest', 'patchTopLevel', 'trimTranslated', 'patchResponse', 'refusesUsage']
      const differs = wires.some(wire => hookNames.some(name => name in wire))
      expect((provider.quirks?.length ?? 0) > 0).toBe(differs)
      for (const quirk of provider.quirks ?? []) expect(quirk).toMatch(/^\S[^|\n]*[^.\s]$/)
    })

    test('a system message may lose its role, but not its text', () => {
      const patchRequest = wire.patchRequest?.['openai-chat']
      if (!patchRequest) return
      for (const model of ['some-model', ...(provider.models ?? [])])
        for (const role of ['system', 'developer']) {
          const messages = [
            { role, content: 'be brief' },
            { role: 'user', content: [{ type: 'text', text: 'hi' }] },
          ]
          const body: JsonObject = { model, messages }
          patchRequest(body, path => expect(path).toBe('nothing'), targetOf(entry, model))
          const text = JSON.stringify(body['messages'])
          expect(text.indexOf('be brief')).toBeGreaterThan(0)
          expect(text.indexOf('be brief')).toBeLessThan(text.indexOf('"hi"'))
          const [first] = body['messages'] as JsonObject[]
          expect(['system', 'user', role]).toContain(String(first!['role']))
        }
    })

    test('a variant that is not supported says what to configure instead', () => {
      for (const variant of provider.variants ?? [])
        if ('unsupported' in variant) expect(variant.unsupported).toContain('server_url')
    })
  })
