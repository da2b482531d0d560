/** What one request may do after a failure: its headers, calls that act twice, fallbacks, keys, and clients that leave. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { sendRequest } from '../../support/client.ts'
import { type Gateway, startGateway, waitForLogLine } from '../../support/gateway-process.ts'
import { type ReceivedRequest, type Script, scriptedUpstream, type Upstream } from '../../support/scripted-upstream.ts'
import { chatBody, neverRespond, refuse, replyChat, replyJson } from '../../support/upstream-scripts.ts'
import { waitUntil } from '../../support/wait-until.ts'

let vendor: Upstream
let gateway: Gateway
/** What each vendor of a test answers, by the first part of its path. */
const scripts: Record<string, Script> = {}
const keyOf = ({ headers }: ReceivedRequest): string => String(headers['authorization']).replace('Bearer ', '')

const overloaded = refuse(503, { error: { message: 'Overloaded.' } })
const deadKey = refuse(401, { error: { message: 'Incorrect API key provided.', code: 'invalid_api_key' } })
const gone = refuse(404, { error: { message: 'The model `m` does not exist.', code: 'model_not_found' } })

/** Entries by name: the models they offer. Each test has its own, because failures are remembered. */
const offers: Record<string, string[]> = {
  'keys-one': ['keys'],
  'keys-two': ['keys'],
  'stay-one': ['stay'],
  'stay-two': ['stay'],
  'own-one': ['own'],
  'own-two': ['own-fallback'],
  'star-one': ['star'],
  'star-two': ['for-all'],
  'scope-one': ['scope'],
  'scope-two': ['secret'],
  'image-one': ['image-model'],
  'image-two': ['image-model'],
  'limited-one': ['limited-model'],
  'limited-two': ['limited-model'],
  'dead-one': ['dead'],
  'gone-one': ['gone'],
  'leave-one': ['leave'],
  'probe-one': ['probe'],
}

beforeAll(async () => {
  vendor = await scriptedUpstream((answer, request) => scripts[request.path.split('/')[1]!]!(answer, request))
  const keys = [{ api_key: 'sk-canary-1' }, { api_key: 'sk-canary-2' }]
  gateway = await startGateway({
    api_key: 'master',
    api_keys: [{ api_key: 'narrow', supported_models: { openai: ['scope'] } }],
    load_balancing: 'first',
    retry: { attempts: 4, backoff: 0.02 },
    circuit_breaker: { failure_threshold: 3, recovery_timeout_seconds: 0.3 },
    timeouts: { first_byte: 5 },
    fallback: { own: ['own-fallback'], scope: ['secret'], '*': ['for-all'] },
    services: {
      openai: Object.entries(offers).map(([id, models]) => ({
        id,
        enabled: true,
        models,
        server_url: `${vendor.url}/${id}/v1`,
        limit: { timeout: 2 },
        ...(id === 'keys-one' || id === 'stay-one' ? { credential_list: keys } : { credentials: keys[0] }),
      })),
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await vendor.close()
})

const ask = async (body: object, headers: Record<string, string> = {}, path = '/v1/chat/completions') => {
  const answer = await sendRequest(gateway, body, { path, headers: { authorization: 'Bearer master', ...headers } })
  return { status: answer.status, headers: answer.headers, text: await answer.text() }
}
/** The vendors that were called, with the number of the key. */
const callsTo = (prefix: string): string[] =>
  vendor.requests
    .filter(({ path }) => path.startsWith(`/${prefix}`))
    .map(request => `${request.path.split('/')[1]} ${keyOf(request).at(-1)}`)

test('a dead key is followed by the other key of its entry, and is left out of later requests', async () => {
  scripts['keys-one'] = (answer, request) => (keyOf(request).endsWith('1') ? deadKey : replyChat())(answer, request)
  scripts['keys-two'] = replyChat()
  const first = await ask({ model: 'keys' })
  expect([first.status, first.headers.get('x-served-by'), first.headers.get('x-attempts')]).toEqual([
    200,
    'keys-one/keys',
    '2',
  ])
  const second = await ask({ model: 'keys' })
  expect(second.headers.get('x-attempts')).toBe('1')
  expect(callsTo('keys')).toEqual(['keys-one 1', 'keys-one 2', 'keys-one 2'])
})

test('x-no-fallback tries the other keys of the entry, and no other entry', async () => {
  scripts['stay-one'] = deadKey
  scripts['stay-two'] = replyChat()
  const { status } = await ask({ model: 'stay' }, { 'x-no-fallback': '1' })
  expect(status).toBe(502)
  expect(new Set(callsTo('stay'))).toEqual(new Set(['stay-one 1', 'stay-one 2']))
})

describe('a fallback', () => {
  test('answers under the name that the client used', async () => {
    scripts['own-one'] = deadKey
    scripts['own-two'] = replyChat()
    const { status, text, headers } = await ask({ model: 'own' })
    expect([status, JSON.parse(text).model, headers.get('x-served-by')]).toEqual([200, 'own', 'own-two/own-fallback'])
  })

  test('of * answers for a model without its own', async () => {
    scripts['star-one'] = gone
    scripts['star-two'] = replyChat()
    expect((await ask({ model: 'star' })).headers.get('x-served-by')).toBe('star-two/for-all')
  })

  test('outside the scope of the caller is not asked', async () => {
    scripts['scope-one'] = deadKey
    scripts['scope-two'] = replyChat()
    const { status } = await ask({ model: 'scope' }, { authorization: 'Bearer narrow' })
    expect(status).toBe(502)
    expect(callsTo('scope-two')).toEqual([])
  })

  test('does not make an unknown model known', async () =>
    expect((await ask({ model: 'nobody-offers-this' })).status).toBe(404))
})

describe('a call that acts twice', () => {
  const image = { model: 'image-model', prompt: 'a cat' }
  test('goes to another target after a refused key', async () => {
    scripts['image-one'] = deadKey
    scripts['image-two'] = replyJson({ created: 1, data: [{ b64_json: 'AAAA' }] })
    expect((await ask(image, {}, '/v1/images/generations')).status).toBe(200)
    expect(callsTo('image')).toEqual(['image-one 1', 'image-two 1'])
  })

  test('is not repeated after a failure that may have done the work', async () => {
    scripts['limited-one'] = refuse(500, { error: { message: 'Internal error.' } })
    scripts['limited-two'] = replyJson({ created: 1, data: [] })
    const { status } = await ask({ ...image, model: 'limited-model' }, {}, '/v1/images/generations')
    expect(status).toBe(500)
    expect(callsTo('limited')).toEqual(['limited-one 1'])
  })
})

describe('without anybody left', () => {
  test('a dead key is an error of the gateway, tells no key, and is tried again by the next request', async () => {
    scripts['dead-one'] = deadKey
    scripts['star-two'] = deadKey
    const { status, text, headers } = await ask({ model: 'dead' }, { 'x-no-fallback': '1' })
    expect([status, headers.get('x-should-retry'), text.includes('sk-canary')]).toEqual([502, 'false', false])
    expect(JSON.parse(text).error.code).toBe('upstream_credentials')
    scripts['dead-one'] = replyChat()
    expect((await ask({ model: 'dead' }, { 'x-no-fallback': '1' })).status).toBe(200)
  })

  test('a model that its vendor does not know any more is a 404 at once, without another call', async () => {
    scripts['gone-one'] = gone
    for (let request = 0; request < 2; request++) {
      const startedAt = performance.now()
      expect((await ask({ model: 'gone' }, { 'x-no-fallback': '1' })).status).toBe(404)
      expect(performance.now() - startedAt).toBeLessThan(1500)
    }
    expect(callsTo('gone')).toHaveLength(1)
  })
})

describe('a client that leaves', () => {
  const leave = async (model: string, when: () => boolean) => {
    const controller = new AbortController()
    const asked = sendRequest(
      gateway,
      { model },
      {
        headers: { authorization: 'Bearer master', 'x-no-fallback': '1' },
        signal: controller.signal,
      },
    ).catch(() => undefined)
    await waitUntil(when)
    controller.abort()
    await asked
  }

  test('while its vendor is silent leaves one record, and no further call', async () => {
    scripts['leave-one'] = neverRespond
    await leave('leave', () => callsTo('leave').length === 1)
    const line = await waitForLogLine(gateway, '"model":"leave"')
    expect(line['status']).toBe(499)
    await Bun.sleep(200)
    expect(callsTo('leave')).toHaveLength(1)
    expect(gateway.stdout().split('"model":"leave"')).toHaveLength(2)
  })

  test('gives its try of a failing vendor back: the next request may try', async () => {
    scripts['probe-one'] = overloaded
    await ask({ model: 'probe' }, { 'x-no-fallback': '1' })
    const before = callsTo('probe').length
    expect(before).toBeGreaterThanOrEqual(3)
    scripts['probe-one'] = neverRespond
    await Bun.sleep(1000)
    await leave('probe', () => callsTo('probe').length === before + 1)
    scripts['probe-one'] = replyChat(undefined, chatBody('back again'))
    const { status, text } = await ask({ model: 'probe' }, { 'x-no-fallback': '1' })
    expect([status, text.includes('back again')]).toEqual([200, true])
  })
})
