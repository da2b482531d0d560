/** Callers do not share state, whatever their keys are named, and none can push out what another one keeps. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createAuth } from '../../src/auth/keys.ts'
import { createAnswerStore } from '../../src/store/answers.ts'
import { createSealStore } from '../../src/store/seals.ts'
import { sendRequest } from '../support/client.ts'
import { compiledOf, problemsOf } from '../support/config-file.ts'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { replyChat } from '../support/upstream-scripts.ts'

const scopes = { supported_models: { all: ['m'] } }
const twins = [
  { api_key: 'first-key', name: 'team', ...scopes },
  { api_key: 'second-key', name: 'team', ...scopes },
]
const services = (url = 'http://127.0.0.1:9/v1') => ({
  openai: [
    { models: ['m'], enabled: true, server_url: url, credentials: { api_key: 'sk-vendor' }, speaks: ['openai-chat'] },
  ],
})

describe('two keys of one name', () => {
  let upstream: Upstream
  let gateway: Gateway
  beforeAll(async () => {
    upstream = await scriptedUpstream(replyChat())
    gateway = await startGateway({ api_keys: twins, services: services(`${upstream.url}/v1`) })
  })
  afterAll(async () => {
    await gateway.stop()
    await upstream.close()
  })

  const ask = (key: string, body: object) =>
    sendRequest(
      gateway,
      { messages: undefined, model: 'm', ...body },
      { path: '/v1/responses', headers: { authorization: `Bearer ${key}` } },
    )

  test('cannot read or continue the stored responses of each other', async () => {
    const created = (await (await ask('first-key', { input: 'the secret is 1234' })).json()) as { id: string }
    const own = await ask('first-key', { input: 'go on', previous_response_id: created.id })
    expect(own.status).toBe(200)
    const foreign = await ask('second-key', { input: 'go on', previous_response_id: created.id })
    expect(foreign.status).toBe(404)
    const read = await fetch(`${gateway.url}/v1/responses/${created.id}`, {
      headers: { authorization: 'Bearer second-key' },
      proxy: false,
    } as RequestInit)
    expect(read.status).toBe(404)
  })

  test('are two owners of state, and the check warns of the name', () => {
    const { keys } = compiledOf({ api_keys: twins, services: services() })
    const auth = createAuth(keys)
    const [first, second] = ['first-key', 'second-key'].map(key => auth.authenticate([key]))
    expect(first!.id).toBe(second!.id)
    expect(first!.owner).not.toBe(second!.owner)
    expect(problemsOf({ api_keys: twins, services: services() })).toEqual([
      'warning api_keys: several keys are named "team": the log cannot tell them apart',
    ])
  })

  test('of no name are told apart in the log by 48 bits of their digest', () => {
    const keys = twins.map(({ name: _, ...key }) => key)
    for (const { id } of compiledOf({ api_keys: keys, services: services() }).keys)
      expect(id).toMatch(/^key-[0-9a-f]{12}$/)
  })
})

describe('a caller that fills a store', () => {
  const answerOf = (size: number) => ({
    answer: { output: [{ id: 'msg', type: 'message', content: 'x'.repeat(size) }] },
    input: [],
    target: 'entry/digest/model',
    native: false,
  })
  const call = (id: string, args = '{}') => ({ type: 'call' as const, id, name: 'f', args })

  test('by bytes pushes out its own answers and none of another caller', () => {
    const store = createAnswerStore({ entries: 1000, bytes: 64 * 1024, seconds: 3600 })
    store.keep('victim', 'kept', answerOf(10_000))
    for (let n = 0; n < 500; n++) store.keep('attacker', `resp_${n}`, answerOf(6000))
    expect(store.find('victim', 'kept')).toBeDefined()
    expect(store.find('attacker', 'resp_499')).toBeDefined()
    expect(store.find('attacker', 'resp_0')).toBeUndefined()
  })

  test('by number pushes out its own pinned targets and none of another caller', () => {
    const store = createAnswerStore({ entries: 100, bytes: 1e6, seconds: 3600 })
    store.pinTarget('victim', 'item', 'target')
    for (let n = 0; n < 500; n++) store.pinTarget('attacker', `item_${n}`, 'target')
    expect(store.pinnedTarget('victim', 'item')).toBe('target')
    const kept = Array.from({ length: 500 }, (_, n) => store.pinnedTarget('attacker', `item_${n}`)).filter(Boolean)
    expect(kept.length).toBe(75)
  })

  test('with seals pushes out its own and none of another caller', () => {
    const store = createSealStore({ entries: 100, bytes: 1e6, seconds: 3600 })
    const memory = { thoughts: [{ type: 'reasoning' as const, text: 'because' }] }
    store.forCaller('victim').save(call('c1'), memory)
    for (let n = 0; n < 500; n++) store.forCaller('attacker').save(call(`a${n}`), memory)
    expect(store.forCaller('victim').find(call('c1'))).toEqual(memory)
    expect(store.forCaller('attacker').find(call('a0'))).toBeUndefined()
  })

  test('together with others stays within the total, and the largest caller loses first', () => {
    const store = createAnswerStore({ entries: 100, bytes: 1e6, seconds: 3600 })
    for (let n = 0; n < 70; n++) store.pinTarget('large', `item_${n}`, 't')
    for (let n = 0; n < 50; n++) store.pinTarget('small', `item_${n}`, 't')
    const countOf = (caller: string) =>
      Array.from({ length: 100 }, (_, n) => store.pinnedTarget(caller, `item_${n}`)).filter(Boolean).length
    expect([countOf('large'), countOf('small')]).toEqual([50, 50])
  })
})
