import { describe, expect, test } from 'bun:test'
import { modelFilter } from '../../src/auth/keys.ts'
import { GatewayError } from '../../src/base/errors.ts'
import type { JsonObject } from '../../src/base/json/json.ts'
import { modelKindOf } from '../../src/catalog/model-kinds.ts'
import type { CompiledConfig } from '../../src/config/compiled.ts'
import { memoryLimits } from '../../src/limits/memory.ts'
import { clientProtocolOf } from '../../src/protocols/registry.ts'
import type { Entry } from '../../src/providers/entry.ts'
import { type Caller, createRouter, type Router, type RoutingRequest } from '../../src/routing/router.ts'
import { affinityOf } from '../../src/routing/targets.ts'
import { admissionRequest, createClock, credential, entryOf, request, seeded } from '../contracts/limits.ts'
import { stopwatch } from '../support/stopwatch.ts'

const compiledOf = (entries: Entry[], changes: Partial<CompiledConfig> = {}): CompiledConfig => ({
  host: '',
  port: 9090,
  logLevel: 'info',
  logFormat: 'json',
  logPrompts: false,
  keys: [],
  access: { allowedHosts: [], allowedOrigins: [], trustedProxies: [], allowAddresses: [], denyAddresses: [] },
  strategy: 'first',
  entries,
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
  maxBody: 1e6,
  maxValues: 1e6,
  maxItems: {
    messages: 20_000,
    tools: 2000,
    calls: 20_000,
    stop_sequences: 1000,
    inputs: 10_000,
    parts: 2000,
    form_fields: 10_000,
    media: 2000,
  },
  media: { allowPrivate: false, maxBytes: 1e6, maxFiles: 16, timeout: 15 },
  shutdownTimeout: 30,
  onLoss: 'note',
  secrets: [],
  ...changes,
})

const callerOf = (scopes?: string[]): Caller => ({
  id: 'caller',
  owner: 'caller',
  canUse: modelFilter(scopes),
  ...(scopes ? { scopes } : {}),
})
const anyone = callerOf()
const routerOf = (entries: Entry[], changes: Partial<CompiledConfig> = {}, options = {}): Router =>
  createRouter(compiledOf(entries, changes), () => true, { positions: new Map(), ...options })

const requestFor = (model?: string, changes: Partial<RoutingRequest> = {}): RoutingRequest => ({
  model,
  protocol: 'openai-chat',
  caller: anyone,
  affinity: () => 'conversation',
  ...changes,
})

/** The targets of the plan as `entry/model`, in order. */
const planOf = (router: Router, model?: string, changes: Partial<RoutingRequest> = {}): string[] =>
  router.plan(requestFor(model, changes)).targets.map(({ entry, model: name }) => `${entry.id}/${name}`)

const refusal = (run: () => unknown): GatewayError => {
  try {
    run()
  } catch (error) {
    if (error instanceof GatewayError) return error
  }
  throw new Error('nothing was refused')
}

const names = (router: Router, caller = anyone) => router.list(caller).map(({ id }) => id)
const entry = (id: string, models: string[], changes: Partial<Entry> = {}) => entryOf(id, { models, ...changes })
const map = (record: Record<string, string>) => new Map(Object.entries(record))

describe('which entries offer a model', () => {
  test('names match exactly, with their case, over all entries', () => {
    const router = routerOf([entry('a', ['m', 'n']), entry('b', ['m']), entry('c', ['M'])])
    expect(planOf(router, 'm')).toEqual(['a/m', 'b/m'])
    expect(planOf(router, 'M')).toEqual(['c/M'])
    expect(router.plan(requestFor('m')).model).toBe('m')
  })

  test('an alias leads to its target, once for each entry however many models it has', () => {
    const router = routerOf([entry('a', ['x', 'y', 'z'], { redirect: map({ alias: 'x', other: 'elsewhere' }) })])
    expect(planOf(router, 'alias')).toEqual(['a/x'])
    expect(planOf(router, 'other')).toEqual(['a/elsewhere'])
    expect(planOf(router, 'x')).toEqual(['a/x'])
  })

  test('the global redirect, the redirect of the entry and its map apply one step each', () => {
    const router = routerOf(
      [
        entry('a', ['two', 'one'], {
          redirect: map({ two: 'three', three: 'never' }),
          map: map({ three: 'four', four: 'never' }),
        }),
      ],
      { redirect: map({ one: 'two', two: 'never' }) },
    )
    expect(planOf(router, 'one')).toEqual(['a/four'])
    expect(router.plan(requestFor('one')).model).toBe('one')
  })

  test('a model map alone does not make a name routable', () => {
    const router = routerOf([entry('a', ['m'], { map: map({ m: 'ep-1', ghost: 'ep-2' }) })])
    expect(planOf(router, 'm')).toEqual(['a/ep-1'])
    expect(refusal(() => planOf(router, 'ghost')).code).toBe('model_not_found')
  })

  test('the most exact match wins: the name, then the longest prefix, then `*`', () => {
    const router = routerOf([
      entry('all', ['*']),
      entry('gpt', ['gpt-*']),
      entry('mini', ['gpt-4o*']),
      entry('exact', ['gpt-4o']),
    ])
    expect(planOf(router, 'gpt-4o')).toEqual(['exact/gpt-4o'])
    expect(planOf(router, 'gpt-4o-mini')).toEqual(['mini/gpt-4o-mini'])
    expect(planOf(router, 'gpt-5')).toEqual(['gpt/gpt-5'])
    expect(planOf(router, 'claude')).toEqual(['all/claude'])
    expect(refusal(() => planOf(router, 'x'.repeat(600))).code).toBe('model_not_found')
  })

  test('if the entries of the most exact match do not support the protocol, the next match is used', () => {
    const supportsProtocol = ({ id }: Entry, protocol: string) => id === 'all' || protocol === 'openai-chat'
    const router = createRouter(compiledOf([entry('exact', ['m']), entry('all', ['*'])]), supportsProtocol)
    expect(planOf(router, 'm')).toEqual(['exact/m'])
    expect(planOf(router, 'm', { protocol: 'embeddings' })).toEqual(['all/m'])
  })

  test('embedding models are used for embeddings only', () => {
    const router = routerOf([entry('a', ['chat'], { embeddingModels: ['vector'] })])
    expect(planOf(router, 'vector', { protocol: 'embeddings' })).toEqual(['a/vector'])
    const error = refusal(() => planOf(router, 'vector'))
    expect([error.code, error.detail.param]).toEqual(['invalid_request', 'model'])
    expect(error.message).toBe('The model `vector` cannot be used with openai-chat: no service offers it there.')
  })

  test('the redirect `all` applies to chats only, and `all` and `random` as targets mean random', () => {
    const entries = [entry('a', ['m', 'n'], { embeddingModels: ['vector'] })]
    const fixed = routerOf(entries, { redirect: map({ all: 'n', m: 'never' }) })
    expect(planOf(fixed, 'whatever')).toEqual(['a/n'])
    expect(planOf(fixed, 'm')).toEqual(['a/n'])
    expect(fixed.plan(requestFor('whatever')).model).toBe('whatever')
    expect(planOf(fixed, 'vector', { protocol: 'embeddings' })).toEqual(['a/vector'])
    for (const target of ['all', 'random']) {
      const random = routerOf(entries, { redirect: map({ all: target }) })
      expect(planOf(random, 'whatever').sort()).toEqual(['a/m', 'a/n'])
      expect(planOf(random).sort()).toEqual(['a/m', 'a/n'])
      expect(random.plan(requestFor()).model).toBe('random')
    }
    expect(planOf(routerOf(entries, { redirect: map({ any: 'random' }) }), 'any').sort()).toEqual(['a/m', 'a/n'])
  })

  test('a priority comes after every lower number, and the strategy orders within a priority', () => {
    const entries = [
      entry('dear', ['m'], { priority: 9 }),
      entry('b', ['m']),
      entry('c', ['m']),
      entry('mid', ['m'], { priority: 3 }),
    ]
    const router = routerOf(entries, { strategy: 'round_robin' })
    expect(planOf(router, 'm')).toEqual(['b/m', 'c/m', 'mid/m', 'dear/m'])
    expect(planOf(router, 'm')).toEqual(['c/m', 'b/m', 'mid/m', 'dear/m'])
  })

  test('round robin runs over entries by weight, and inside each over its credentials', () => {
    const keys = [credential(0), credential(1)]
    const router = routerOf([entry('A', ['m'], { credentials: keys }), entry('B', ['m'], { weight: 2 })], {
      strategy: 'round_robin',
    })
    const firstTargets = Array.from({ length: 9 }, () => {
      const { entry: one, credential: key } = router.plan(requestFor('m')).targets[0]!
      return `${one.id}${key.index}`
    })
    expect(firstTargets).toEqual(['A0', 'B0', 'B0', 'A1', 'B0', 'B0', 'A0', 'B0', 'B0'])
    expect(router.plan(requestFor('m')).targets).toHaveLength(3)
  })

  test('round robin reaches every credential of every entry', () => {
    const keys = [credential(0), credential(1)]
    const entries = ['A', 'B'].map(id => entry(id, ['m'], { credentials: keys }))
    const router = routerOf(entries, { strategy: 'round_robin' })
    const firstTargets = Array.from({ length: 6 }, () => {
      const { entry: one, credential: key } = router.plan(requestFor('m')).targets[0]!
      return `${one.id}${key.index}`
    })
    expect(firstTargets).toEqual(['A0', 'B0', 'A1', 'B1', 'A0', 'B0'])
  })

  test('round robin continues after a reload', () => {
    const positions = new Map<string, number>()
    const reload = () => routerOf([entry('A', ['m']), entry('B', ['m'])], { strategy: 'round_robin' }, { positions })
    expect([planOf(reload(), 'm')[0], planOf(reload(), 'm')[0], planOf(reload(), 'm')[0]]).toEqual([
      'A/m',
      'B/m',
      'A/m',
    ])
  })

  test('a target is one object, and its id survives a reload', () => {
    const make = () =>
      routerOf([entry('a', ['m', 'w*'], { credentials: [credential(0), credential(1)] })], { strategy: 'hash' })
    const router = make()
    const targets = router.plan(requestFor('m')).targets
    const other = router.plan(requestFor('m', { affinity: () => 'another' })).targets
    expect(new Set([...targets, ...other]).size).toBe(2)
    expect(targets.map(({ id }) => id).sort()).toEqual(['a/digest0/m', 'a/digest1/m'])
    expect(
      make()
        .plan(requestFor('m'))
        .targets.map(({ id }) => id),
    ).toEqual(targets.map(({ id }) => id))
    for (let at = 0; at < 25_000; at++) router.plan(requestFor(`w${at}`))
    expect(router.plan(requestFor('w-new')).targets).toHaveLength(2)
  })
})

describe('requests that cannot be planned', () => {
  const router = routerOf([entry('a', ['m'])])

  test('a request without a model is refused unless there is a default model', () => {
    for (const model of [undefined, '']) {
      const error = refusal(() => planOf(router, model))
      expect([error.code, error.detail.param]).toEqual(['invalid_request', 'model'])
    }
    const fallback = routerOf([entry('a', ['m'])], { defaultModel: 'm' })
    expect(planOf(fallback)).toEqual(['a/m'])
    expect(fallback.plan(requestFor()).model).toBe('m')
    expect(refusal(() => planOf(fallback, undefined, { caller: callerOf(['other']) })).code).toBe('forbidden')
  })

  test('an unknown model is refused with OpenAI’s message and status', () => {
    const error = refusal(() => planOf(router, 'gpt-9'))
    expect([error.code, error.status]).toEqual(['model_not_found', 404])
    expect(error.message).toBe('The model `gpt-9` does not exist or you do not have access to it.')
    for (const model of ['__proto__', 'constructor', 'toString'])
      expect(refusal(() => planOf(router, model)).status).toBe(404)
  })

  test('a model outside the scopes is a 403, whether or not it exists, by the name as sent', () => {
    const caller = callerOf(['sent', 'gpt-*'])
    const scoped = routerOf([entry('a', ['m'], { redirect: map({ sent: 'm' }) })], { redirect: map({ 'gpt-4': 'm' }) })
    expect(planOf(scoped, 'sent', { caller })).toEqual(['a/m'])
    expect(planOf(scoped, 'gpt-4', { caller })).toEqual(['a/m'])
    expect(refusal(() => planOf(scoped, 'm', { caller })).status).toBe(403)
    expect(refusal(() => planOf(scoped, 'nowhere', { caller })).status).toBe(403)
    expect(refusal(() => planOf(scoped, 'gpt-5', { caller })).status).toBe(404)
    expect(refusal(() => planOf(scoped, 'm', { caller, protocol: 'embeddings' })).status).toBe(403)
    expect(refusal(() => planOf(scoped, 'm', { caller: callerOf([]) })).status).toBe(403)
  })

  test('a model that no service offers in the protocol is a 400', () => {
    const chatOnlyRouter = createRouter(compiledOf([entry('a', ['m'])]), (_, protocol) => protocol === 'openai-chat')
    const error = refusal(() => planOf(chatOnlyRouter, 'm', { protocol: 'images/generations' }))
    expect([error.code, error.status, error.detail.param]).toEqual(['invalid_request', 400, 'model'])
    expect(error.message).toContain('images/generations')
  })
})

describe('the list of models', () => {
  test('the list is sorted, has aliases for their targets, no embedding models or wildcards, and random last', () => {
    const router = routerOf([
      entry('a', ['zeta', 'hidden'], { redirect: map({ alias: 'hidden' }), embeddingModels: ['vector'] }),
      entry('b', ['beta', 'gpt-*', '*'], { redirect: map({ outside: 'not-listed' }) }),
    ])
    expect(names(router)).toEqual(['alias', 'beta', 'outside', 'zeta', 'random'])
  })

  test('an alias hides its target only if no other entry lists the target', () => {
    const aliased = entry('a', ['target'], { redirect: map({ alias: 'target' }) })
    const plain = entry('b', ['target'])
    expect(names(routerOf([aliased, plain]))).toEqual(['alias', 'target', 'random'])
    expect(names(routerOf([plain, aliased]))).toEqual(['alias', 'target', 'random'])
    expect(names(routerOf([aliased]))).toEqual(['alias', 'random'])
    expect(planOf(routerOf([aliased]), 'target')).toEqual(['a/target'])
    expect(names(routerOf([entry('a', ['same'], { redirect: map({ same: 'same' }) })]))).toEqual(['same', 'random'])
  })

  test('the list is empty without models, and has no random without a chat model', () => {
    expect(names(routerOf([]))).toEqual([])
    expect(names(routerOf([entry('a', ['dall-e-3', 'whisper-1'])]))).toEqual(['dall-e-3', 'whisper-1'])
    expect(names(routerOf([entry('a', ['gpt-*'])]))).toEqual([])
  })

  test('scopes filter the list', () => {
    const router = routerOf([entry('a', ['gpt-4o', 'qwen-plus', 'dall-e-3'])])
    expect(names(router, callerOf(['qwen-*']))).toEqual(['qwen-plus', 'random'])
    expect(names(router, callerOf(['dall-e-3']))).toEqual(['dall-e-3'])
    expect(names(router, callerOf(['random']))).toEqual(['random'])
    expect(names(router, callerOf([]))).toEqual([])
  })

  test('find returns hidden models, aliases, wildcards and redirects within the scopes', () => {
    const router = routerOf(
      [entry('a', ['hidden', 'gpt-*'], { redirect: map({ alias: 'hidden' }), embeddingModels: ['org/vector'] })],
      { redirect: map({ renamed: 'hidden', lost: 'nowhere', lucky: 'random' }) },
    )
    for (const id of ['hidden', 'alias', 'gpt-5', 'org/vector', 'renamed', 'lucky', 'random'])
      expect(router.find(id, anyone)).toEqual({ id })
    expect(refusal(() => router.find('lost', anyone)).status).toBe(404)
    expect(refusal(() => router.find('ghost', anyone)).status).toBe(404)
    expect(refusal(() => router.find('hidden', callerOf(['alias']))).status).toBe(403)
    expect(refusal(() => router.find('ghost', callerOf(['alias']))).status).toBe(403)
    expect(refusal(() => routerOf([]).find('random', anyone)).status).toBe(404)
  })

  test('the table contains every name and its targets', () => {
    const router = routerOf(
      [entry('a', ['m', 'gpt-*'], { map: map({ m: 'ep-1' }), embeddingModels: ['v'] }), entry('b', ['m'])],
      {
        redirect: map({ old: 'm', all: 'all' }),
      },
    )
    const rows = router.table()
    expect(rows.map(({ model }) => model)).toEqual(['gpt-*', 'm', 'v', 'old', 'all'])
    expect(rows.find(({ model }) => model === 'm')?.targets.map(({ entry: id, model }) => `${id}/${model}`)).toEqual([
      'a/ep-1',
      'b/m',
    ])
    expect(rows.find(({ model }) => model === 'all')?.redirect).toBe('random')
    expect(rows.find(({ model }) => model === 'gpt-*')?.targets[0]?.model).toBe('gpt-*')
  })
})

describe('the model random', () => {
  const entries = [
    entry('a', ['chat-1', 'dall-e-3', 'gpt-*'], { embeddingModels: ['vector'] }),
    entry('b', ['chat-2', 'bge-m3', 'whisper-1'], { redirect: map({ nice: 'chat-3', pictures: 'cogview-3' }) }),
    entry('c', ['*']),
  ]

  test('random selects listed chat models only', () => {
    const router = routerOf(entries)
    for (let turn = 0; turn < 20; turn++)
      expect(planOf(router, 'random').sort()).toEqual(['a/chat-1', 'b/chat-2', 'b/chat-3'])
    expect(router.plan(requestFor('random')).model).toBe('random')
  })

  test('random is uniform over the models, whatever their number of entries and the strategy', () => {
    for (const strategy of ['first', 'random', 'round_robin', 'hash'] as const) {
      const many = [entry('a', ['x']), entry('b', ['x']), entry('c', ['x', 'y', 'z'])]
      const router = routerOf(many, { strategy }, { random: seeded(11) })
      expect(chiSquare(count(6000, () => router.plan(requestFor('random')).targets[0]!.model))).toBeLessThan(13.8)
    }
  })

  test('random is uniform over the models that can be admitted now', () => {
    const limits = memoryLimits(createClock())
    const router = routerOf(
      ['one', 'two', 'three', 'four', 'five'].map(id =>
        entry(id, [`model-${id}`], id === 'three' ? { limit: { rpm: 1 } } : {}),
      ),
      {},
      { random: seeded(5) },
    )
    const admitted = () =>
      request(limits, [...router.plan(requestFor('random')).targets], admissionRequest()).admission!.target.model
    count(60, admitted)
    const counts = count(8000, admitted)
    expect(counts.has('model-three')).toBe(false)
    expect(counts.size).toBe(4)
    expect(chiSquare(counts)).toBeLessThan(16.3)
  })

  test('random respects priorities: an expensive service comes after every cheap one', () => {
    const router = routerOf([entry('dear', ['d', 'x'], { priority: 5 }), entry('cheap', ['x', 'y'])])
    for (let turn = 0; turn < 30; turn++) {
      const order = planOf(router, 'random')
      expect(order.slice(0, 2).sort()).toEqual(['cheap/x', 'cheap/y'])
      expect(order.slice(2).sort()).toEqual(['dear/d', 'dear/x'])
    }
  })

  test('round robin rotates the credentials below random', () => {
    const keys = [credential(0), credential(1)]
    const router = routerOf([entry('a', ['x'], { credentials: keys })], { strategy: 'round_robin' })
    const used = Array.from({ length: 4 }, () => router.plan(requestFor('random')).targets[0]!.credential.index)
    expect(used).toEqual([0, 1, 0, 1])
  })

  test('random is allowed for callers that may name it or a chat model, and selects only what they may name', () => {
    const router = routerOf(entries)
    const planFor = (...scopes: string[]) => planOf(router, 'random', { caller: callerOf(scopes) }).sort()
    expect(planFor('random')).toEqual(['a/chat-1', 'b/chat-2', 'b/chat-3'])
    expect(planFor('chat-*')).toEqual(['a/chat-1', 'b/chat-2'])
    expect(planFor('random', 'nice')).toEqual(['b/chat-3'])
    expect(planFor('*')).toHaveLength(3)
    expect(refusal(() => planFor('dall-e-3')).code).toBe('forbidden')
    expect(refusal(() => planFor()).code).toBe('forbidden')
    expect(refusal(() => planFor('random', 'dall-e-3')).code).toBe('model_not_found')
  })

  test('random behind a redirect selects only what the caller may name, if that includes a chat model', () => {
    const router = routerOf(entries, { redirect: map({ all: 'random' }) })
    expect(planOf(router, 'chat-1', { caller: callerOf(['chat-1']) })).toEqual(['a/chat-1'])
    expect(planOf(router, 'lucky', { caller: callerOf(['lucky']) })).toHaveLength(3)
  })

  test('random is unknown without a chat model, and for passthrough requests', () => {
    expect(refusal(() => planOf(routerOf([entry('a', ['dall-e-3'])]), 'random')).code).toBe('model_not_found')
    expect(refusal(() => planOf(routerOf(entries), 'random', { protocol: 'embeddings' })).code).toBe('model_not_found')
  })
})

describe('the affinity key', () => {
  const text = (content: string, role = 'user') => ({ role, content })
  const affinityFor = (body: JsonObject, caller = anyone, model = 'm', protocol = 'openai-chat') =>
    affinityOf(clientProtocolOf(protocol).reader, body, caller, model)
  const opening = [text('be kind', 'system'), text('hello')]

  test('a conversation keeps its target as it grows', () => {
    const grown = [...opening, text('hi', 'assistant'), text('and now?'), text('be brief', 'system')]
    expect(affinityFor({ messages: grown })).toBe(affinityFor({ messages: opening }))
    const marked = [
      text('be kind', 'system'),
      { role: 'user', content: [{ type: 'text', text: 'hello', cache_control: { type: 'ephemeral' } }] },
    ]
    expect(affinityFor({ messages: marked })).toBe(affinityFor({ messages: opening }))
    const router = routerOf(
      ['a', 'b', 'c', 'd'].map(id => entry(id, ['m'])),
      { strategy: 'hash' },
    )
    const plan = (messages: JsonObject[]) => planOf(router, 'm', { affinity: () => affinityFor({ messages }) })
    expect(plan(grown)).toEqual(plan(opening))
    const firstTargets = new Set(Array.from({ length: 100 }, (_, turn) => plan([text(`question ${turn}`)])[0]))
    expect(firstTargets.size).toBe(4)
  })

  test('the beginning, the caller, the model and images distinguish conversations', () => {
    const image = (url: string) => [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }]
    const affinities = [
      affinityFor({ messages: opening }),
      affinityFor({ messages: [text('be rude', 'system'), text('hello')] }),
      affinityFor({ messages: [text('be kind', 'system'), text('good-bye')] }),
      affinityFor({ messages: opening }, { ...anyone, owner: 'other' }),
      affinityFor({ messages: opening }, anyone, 'n'),
      affinityFor({ messages: image('data:image/png;base64,AAAA') }),
      affinityFor({ messages: image('data:image/png;base64,BBBB') }),
      affinityFor({ system: 'be kind', messages: [text('hi')] }, anyone, 'm', 'anthropic'),
      affinityFor({ input: 'one' }, anyone, 'm', 'openai-responses'),
      affinityFor({ input: 'two' }, anyone, 'm', 'openai-responses'),
      affinityFor({ prompt: 'three' }, anyone, 'm', 'completions'),
    ]
    expect(new Set(affinities).size).toBe(affinities.length)
  })

  test('prompt_cache_key takes precedence over user, and user over the conversation', () => {
    expect(affinityFor({ messages: opening, prompt_cache_key: 'k', user: 'u' })).toBe(
      affinityFor({ messages: [text('other')], prompt_cache_key: 'k' }),
    )
    expect(affinityFor({ messages: opening, user: 'u' })).toBe(affinityFor({ user: 'u' }))
    expect(affinityFor({ user: 'u' })).not.toBe(affinityFor({ user: 'v' }))
    expect(affinityFor({ messages: opening, user: '' })).toBe(affinityFor({ messages: opening }))
  })

  test('the affinity key contains no text of the conversation', () => {
    expect(affinityFor({ messages: [text('my secret')] })).not.toContain('secret')
  })
})

test('a plan for one entry with one credential takes less than 5 µs', () => {
  const router = routerOf([entry('a', ['m'])], { strategy: 'hash' })
  const one = requestFor('m', {
    affinity: () => {
      throw new Error('not needed')
    },
  })
  for (let warm = 0; warm < 20_000; warm++) router.plan(one)
  const took = stopwatch()
  for (let at = 0; at < 100_000; at++) router.plan(one)
  const microseconds = took() / 100
  expect(microseconds).toBeLessThan(5)
  expect(router.plan(one).targets).toBe(router.plan(one).targets)
})

const count = (times: number, draw: () => string): Map<string, number> => {
  const counts = new Map<string, number>()
  for (let at = 0; at < times; at++) {
    const drawn = draw()
    counts.set(drawn, (counts.get(drawn) ?? 0) + 1)
  }
  return counts
}

/**
 * The chi-square distance from a uniform distribution. The bounds in the tests are its 99.9th percentile for the
 * degrees of freedom.
 */
const chiSquare = (counts: Map<string, number>): number => {
  const values = [...counts.values()]
  const expected = values.reduce((sum, value) => sum + value, 0) / values.length
  return values.reduce((sum, value) => sum + (value - expected) ** 2 / expected, 0)
}

describe('model kinds', () => {
  const kinds: Record<string, string> = {
    chat: 'gpt-4o gpt-4o-audio-preview gpt-4o-mini-audio-preview gpt-audio-1.5 gpt-5.1-codex-max o3-mini gpt-4-vision-preview qwen-vl-plus Qwen/Qwen2.5-VL-72B-Instruct qwen2-audio-instruct qwen-omni-turbo qwen-mt-plus glm-4v glm-4.5v glm-4-voice glm-4-flash deepseek-chat deepseek-ai/DeepSeek-R1 doubao-1-5-pro-32k doubao-1.5-vision-pro ep-20240101-abcde bot-20250707202501-k6czp hunyuan-turbos-vision-video hunyuan-vision moonshot-v1-8k-vision-preview gemini-2.0-flash gemini-2.5-flash-lite gemini-3-pro-preview gemma-7b-it grok-2-vision grok-code-fast-1 command-r-plus pixtral-12b voxtral-small-latest llama-3.2-90b-vision-preview meta-llama/llama-3.3-70b-instruct:free spark-lite ERNIE-Speed-8K yi-vision abab6.5s MiniMax-Text-01 MiniMax-M2.5 step-1v-8k mixtral-8x7b-32768 claude-haiku-4-5 internlm/internlm2_5-7b-chat llava-v1.5-7b sonar-pro general 4.0Ultra granite3.2-vision kimi-k2 phi-4-multimodal nova-lite amazon.nova-micro-v1:0 random sorabot gtel influx-7b',
    embedding:
      'text-embedding-3-small text-embedding-ada-002 text-embedding-v3 embedding-2 embedding-3 doubao-embedding-vision-250615 doubao-embedding-large-text-240915 gemini-embedding-001 models/gemini-embedding-2 embed-english-v3.0 embed-v4.0 cohere.embed-english-v3 BAAI/bge-m3 BAAI/bge-large-zh-v1.5 netease-youdao/bce-embedding-base_v1 jina-embeddings-v3 jina-clip-v2 voyage-3-lite voyage-code-3 nomic-embed-text mxbai-embed-large all-minilm intfloat/e5-mistral-7b-instruct multilingual-e5-large gte-large-zh m3e-base tao-8k Qwen/Qwen3-Embedding-8B qwen2.5-vl-embedding mistral-embed codestral-embed sentence-transformers/all-MiniLM-L6-v2 @cf/baai/bge-base-en-v1.5 amazon.titan-embed-text-v2:0 hunyuan-embedding',
    rerank:
      'BAAI/bge-reranker-v2-m3 gte-rerank gte-rerank-v2 rerank-v3.5 rerank-english-v3.0 rerank-2-lite jina-reranker-v2-base-multilingual Qwen/Qwen3-Reranker-8B qwen3-vl-rerank',
    image:
      'dall-e-3 gpt-image-1 gpt-image-1-mini chatgpt-image-latest cogview-3-plus cogview-4-250304 wanx-v1 wanx2.1-t2i-turbo wan2.2-t2i-flash qwen-image qwen-image-edit-plus black-forest-labs/FLUX.1-schnell flux-pro-1.1 stabilityai/stable-diffusion-xl-base-1.0 sdxl-turbo sd3.5-large Kwai-Kolors/Kolors doubao-seedream-3-0-t2i-250415 doubao-seededit-3-0-i2i imagen-4.0-generate-001 gemini-2.5-flash-image gemini-3-pro-image-preview gemini-2.0-flash-exp-image-generation hunyuan-image irag-1.0 image-01 grok-2-image grok-imagine-image openai/gpt-5-image deepseek-ai/Janus-Pro-7B @cf/lykon/dreamshaper-8-lcm',
    audio:
      'whisper-1 whisper-large-v3-turbo distil-whisper-large-v3-en gpt-4o-transcribe gpt-4o-mini-transcribe gpt-4o-mini-tts tts-1 tts-1-hd qwen-tts qwen3-tts-flash qwen3-asr-flash cosyvoice-v2 FunAudioLLM/CosyVoice2-0.5B FunAudioLLM/SenseVoiceSmall paraformer-realtime-v2 paraformer-v2 sambert-zhichu-v1 fun-asr fishaudio/fish-speech-1.5 speech-02-hd TeleAI/TeleSpeechASR glm-asr glm-tts playai-tts canopylabs/orpheus-v1-english gpt-4o-realtime-preview gpt-realtime qwen-omni-turbo-realtime gemini-2.5-flash-preview-tts gemini-2.0-flash-live-001 gemini-live-2.5-flash hexgrad/kokoro-82m music-01 fnlp/MOSS-TTSD-v0.5 voxtral-mini-tts-latest',
    video:
      'cogvideox-2 cogvideox-flash wanx2.1-t2v-turbo wan2.2-i2v-plus Wan-AI/Wan2.2-T2V-A14B wan2.2-kf2v-flash doubao-seedance-1-0-pro-250528 veo-3.0-generate-preview veo-3.1-lite-generate-preview sora-2 sora-2-pro kling-v1 tencent/HunyuanVideo hunyuan-video video-01 T2V-01-Director MiniMax-Hailuo-02 viduq1 amazon.nova-reel-v1:0',
    moderation:
      'omni-moderation-latest text-moderation-006 llama-guard-3-8b meta-llama/llama-prompt-guard-2-22m shieldgemma-9b',
  }
  test.each(Object.entries(kinds))('all sample models are of the kind %s', (kind, models) => {
    expect(
      models
        .split(' ')
        .filter(model => modelKindOf(model) !== kind)
        .map(model => `${model}: ${modelKindOf(model)}`),
    ).toEqual([])
  })

  test('the kind of a model is detected in linear time', () => {
    const took = stopwatch()
    for (const piece of ['gemini-', '-', 'image', 'wan2.', '/e5', 'gpt-4o-mini-']) modelKindOf(piece.repeat(50_000))
    expect(took()).toBeLessThan(500)
  })
})
