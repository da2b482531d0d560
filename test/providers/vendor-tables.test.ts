/** Every vendor's code of an error, refused field, range and renamed model, one by one. */
import { describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../src/base/json/json.ts'
import { faultFrom } from '../../src/protocols/shared/vendor-error.ts'
import { providers } from '../../src/providers/index.ts'
import { wireOf } from '../../src/providers/resolve-url.ts'
import { entryOf, plainEntry, targetOf } from '../contracts/provider.ts'

const patch = (type: string, body: JsonObject, model = 'some-model', protocol = 'openai-chat') => {
  const provider = providers.get(type)!
  const losses: string[] = []
  const changed = structuredClone(body)
  provider.patchRequest![protocol]!(changed, path => losses.push(path), targetOf(plainEntry(provider), model))
  return { body: changed, losses }
}

const patchAnswer = (type: string, body: JsonObject): JsonObject => {
  const changed = structuredClone(body)
  providers.get(type)!.patchResponse!['openai-chat']!(changed)
  return changed
}

const outcomeOf = (body: JsonObject) => {
  const { code, status } = faultFrom(body, { redact: text => text })
  return [code, status]
}

describe('Spark (xinghuo): a code of an error', () => {
  // www.xfyun.cn/doc/spark, the list of error codes.
  const statuses = [
    [10005, 401, 'upstream_credentials', 502],
    [10313, 401, 'upstream_credentials', 502],
    [11200, 401, 'upstream_credentials', 502],
    [11201, 429, 'upstream_limited', 429],
    [11202, 429, 'upstream_limited', 429],
    [11203, 429, 'upstream_limited', 429],
    [10007, 429, 'upstream_limited', 429],
    [10003, 400, 'upstream_refused', 400],
    [10004, 400, 'upstream_refused', 400],
    [10013, 400, 'upstream_refused', 400],
    [10014, 400, 'upstream_refused', 400],
    [10019, 400, 'upstream_refused', 400],
    [10163, 400, 'upstream_refused', 400],
    [10907, 400, 'upstream_refused', 400],
    [10008, 503, 'upstream_failed', 503],
    [10010, 503, 'upstream_failed', 503],
    [10012, 503, 'upstream_failed', 503],
    [10110, 503, 'upstream_failed', 503],
  ] as const
  test.each(statuses)('%d has status %d, so a client gets %s with %d', (code, status, errorCode, shown) => {
    const plain = patchAnswer('xinghuo', { code, message: 'words', sid: 's', choices: [{ index: 0 }] })
    expect(plain).toEqual({ code, message: 'words', sid: 's', status })
    expect(outcomeOf(plain)).toEqual([errorCode, shown])
    for (const given of [code, String(code)]) {
      const enveloped = patchAnswer('xinghuo', { error: { code: given, message: 'words' } })
      expect(enveloped).toEqual({ error: { code: given, message: 'words' }, status })
      expect(outcomeOf(enveloped)).toEqual([errorCode, shown])
    }
  })
  test('that is unknown gets no status, so a client gets a 502', () => {
    const unknown = patchAnswer('xinghuo', { code: 19_999, message: 'words', choices: [] })
    expect(unknown).toEqual({ code: 19_999, message: 'words' })
    expect(outcomeOf(unknown)).toEqual(['upstream_failed', 502])
  })
  test('of 0, or none, leaves the answer as it is', () => {
    for (const body of [
      { code: 0, choices: [] },
      { code: '0', choices: [] },
      { choices: [] },
      { code: null, choices: [] },
    ])
      expect(patchAnswer('xinghuo', body)).toEqual(body)
  })
})

describe('Spark (xinghuo): a model', () => {
  test.each([
    ['spark-lite', 'lite'],
    ['spark-v2.0', 'generalv2'],
    ['spark-pro', 'generalv3'],
    ['spark-pro-128k', 'pro-128k'],
    ['spark-max', 'generalv3.5'],
    ['spark3.5-max', 'generalv3.5'],
    ['spark-max32k', 'max-32k'],
    ['4.0ultra', '4.0Ultra'],
    ['SPARK-LITE', 'lite'],
    ['4.0Ultra', '4.0Ultra'],
    ['x1', 'x1'],
  ])('%s is called %s', (model, name) => expect(patch('xinghuo', { model }, model).body).toEqual({ model: name }))

  const withSystem = [
    { role: 'system', content: 'rules' },
    { role: 'user', content: 'words' },
  ]
  test.each(['general', 'lite', 'generalv2', 'generalv3', 'pro-128k', 'spark-lite', 'spark-v2.0', 'spark-pro', 'Lite'])(
    '%s has no role system',
    model =>
      expect(patch('xinghuo', { messages: withSystem }, model).body['messages']).toEqual([
        { role: 'user', content: 'rules\n\nwords' },
      ]),
  )
  test.each(['generalv3.5', 'max-32k', '4.0Ultra', 'spark-max', 'x1'])('%s has a role system', model =>
    expect(patch('xinghuo', { messages: withSystem }, model).body['messages']).toEqual(withSystem),
  )
})

describe('MiniMax: a code of an error', () => {
  // platform.minimaxi.com, "error codes".
  test.each([
    [1001, 504, 'upstream_failed', 504],
    [1002, 429, 'upstream_limited', 429],
    [1004, 401, 'upstream_credentials', 502],
    [1008, 402, 'upstream_credentials', 502],
    [1026, 400, 'upstream_refused', 400],
    [1027, 400, 'upstream_refused', 400],
    [1039, 429, 'upstream_limited', 429],
    [2013, 400, 'upstream_refused', 400],
    [2049, 401, 'upstream_credentials', 502],
    [2056, 429, 'upstream_limited', 429],
    [2061, 403, 'upstream_credentials', 502],
  ] as const)('%d has status %d, so a client gets %s with %d', (code, status, errorCode, shown) => {
    const body = { base_resp: { status_code: code, status_msg: 'words' }, choices: null }
    const patched = patchAnswer('minimax', body)
    expect(patched).toEqual({ ...body, status })
    expect(outcomeOf(patched)).toEqual([errorCode, shown])
  })
  test.each([0, 1000, 9999])('%d gets no status', code => {
    const body = { base_resp: { status_code: code, status_msg: 'words' } }
    expect(patchAnswer('minimax', body)).toEqual(body)
  })
  test('the findings of its search are no answer', () => {
    const found = { index: 0, delta: { role: 'tool', content: 'found' }, finish_reason: 'stop' }
    const text = { index: 1, delta: { role: 'assistant', content: 'words' }, finish_reason: 'stop' }
    expect(patchAnswer('minimax', { choices: [found, text, 'x'] } as JsonObject)).toEqual({
      choices: [{ index: 0, delta: {}, finish_reason: null }, text, 'x'],
    } as JsonObject)
  })
})

/** A value that has an effect, for each field. */
const values: JsonObject = {
  logprobs: true,
  top_logprobs: 2,
  logit_bias: { 1: 2 },
  n: 2,
  user: 'ann',
  store: true,
  service_tier: 'flex',
  prompt_cache_key: 'k',
  verbosity: 'low',
  presence_penalty: 0.5,
  frequency_penalty: 0.5,
  temperature: 0.5,
  top_p: 0.5,
  stop: ['x'],
}

describe('a field that a vendor refuses is left out', () => {
  test.each([
    ['groq', 'some-model', ['logprobs', 'top_logprobs', 'logit_bias', 'n']],
    ['mistral', 'some-model', ['logit_bias', 'user', 'store', 'service_tier', 'prompt_cache_key', 'verbosity']],
    ['cerebras', 'm', ['presence_penalty', 'frequency_penalty', 'logit_bias', 'service_tier', 'prompt_cache_key']],
    ['moonshot', 'kimi-k3', ['temperature', 'top_p', 'n', 'presence_penalty', 'frequency_penalty']],
    ['moonshot', 'other', []],
    ['xai', 'grok-5', ['presence_penalty', 'frequency_penalty', 'stop']],
    ['xai', 'grok-5-non-reasoning', ['presence_penalty', 'frequency_penalty']],
    ['nvidia', 'some-model', ['prompt_cache_key']],
    ['minimax', 'some-model', ['n']],
    ['zhipu', 'some-model', []],
    ['dashscope', 'some-model', []],
  ])('%s, %s: %j', (type, model, refused) => {
    const { body, losses } = patch(type, values, model)
    const kept = Object.fromEntries(Object.entries(values).filter(([field]) => !refused.includes(field)))
    expect(body).toEqual(kept)
    expect(losses.sort()).toEqual([...refused].sort())
    for (const field of refused)
      expect(patch(type, { [field]: values[field] }, model)).toEqual({ body: {}, losses: [field] })
  })

  test.each([
    ['groq', 'user', ['name', 'reasoning_content']],
    ['mistral', 'user', ['name', 'reasoning_content', 'reasoning', 'refusal', 'audio', 'annotations', 'function_call']],
    ['mistral', 'tool', ['reasoning_content', 'reasoning', 'refusal', 'audio', 'annotations', 'function_call']],
    ['cerebras', 'assistant', ['reasoning_content']],
  ])('%s, of a message of the role %s: %j', (type, role, refused) => {
    const fields = ['name', 'reasoning_content', 'reasoning', 'refusal', 'audio', 'annotations', 'function_call']
    for (const field of fields) {
      const { body, losses } = patch(type, { messages: [{ role, content: 'words', [field]: 'value' }] })
      const isRefused = refused.includes(field)
      expect(body).toEqual({ messages: [{ role, content: 'words', ...(!isRefused && { [field]: 'value' }) }] })
      expect(losses).toEqual(isRefused ? [`messages[0].${field}`] : [])
    }
  })

  test.each(['cerebras', 'moonshot', 'xai', 'nvidia'])(
    '%s: a penalty of 0, which has no effect, without a loss',
    type => {
      for (const field of ['presence_penalty', 'frequency_penalty'])
        expect(patch(type, { [field]: 0 }, 'kimi-k3')).toEqual({ body: {}, losses: [] })
    },
  )
  test.each(['temperature', 'n'])('moonshot: a %s of 1, which is the fixed value, without a loss', field =>
    expect(patch('moonshot', { [field]: 1 }, 'kimi-k3')).toEqual({ body: {}, losses: [] }),
  )
})

describe('a number is moved into the range of a vendor', () => {
  test.each([
    ['zhipu', 'temperature', 0, 1],
    ['zhipu', 'top_p', 0.01, 1],
    ['dashscope', 'temperature', 0, 1.99],
    ['dashscope', 'top_p', 0.01, 1],
    ['moonshot', 'temperature', 0, 1],
    ['minimax', 'temperature', 0.01, 1],
    ['xinghuo', 'temperature', 0.01, 1],
    ['baichuan', 'temperature', 0, 1],
  ])('%s: %s from %d to %d', (type, field, low, high) => {
    for (const [given, sent] of [
      [low, low],
      [high, high],
      [low - 0.001, low],
      [high + 0.001, high],
    ] as const)
      expect(patch(type, { [field]: given })).toEqual({
        body: { [field]: sent },
        losses: sent === given ? [] : [field],
      })
  })
})

describe('a role or a limit is called by the name that a vendor knows', () => {
  const developer = ['baichuan', 'cerebras', 'dashscope', 'deepseek', 'huoshan', 'hunyuan', 'minimax', 'mistral']
  test.each([...developer, 'nvidia', 'qianfan', 'xinghuo', 'zhipu'])('%s: developer is system', type => {
    const messages = [
      { role: 'developer', content: 'rules' },
      { role: 'user', content: 'words' },
    ]
    expect(patch(type, { messages }).body['messages']).toEqual([{ role: 'system', content: 'rules' }, messages[1]!])
  })
  test.each(['groq', 'moonshot', 'xai', 'ollama'])('%s: developer stays', type => {
    const messages = [{ role: 'developer', content: 'rules' }]
    expect(patch(type, { messages }).body['messages']).toEqual(messages)
  })
  test.each(['baichuan', 'deepseek', 'mistral', 'ollama', 'xinghuo', 'zhipu'])(
    '%s: max_completion_tokens is max_tokens, unless both are given',
    type => {
      expect(patch(type, { max_completion_tokens: 7 }).body).toEqual({ max_tokens: 7 })
      expect(patch(type, { max_completion_tokens: 7, max_tokens: 5 }).body).toEqual({ max_tokens: 5 })
      expect(patch(type, { max_tokens: 5 }).body).toEqual({ max_tokens: 5 })
    },
  )
  test.each(['cerebras', 'dashscope', 'groq', 'minimax', 'moonshot', 'xai'])('%s: max_completion_tokens stays', type =>
    expect(patch(type, { max_completion_tokens: 7 }).body).toEqual({ max_completion_tokens: 7 }),
  )
  test('mistral: seed is random_seed, unless both are given', () => {
    expect(patch('mistral', { seed: 7 }).body).toEqual({ random_seed: 7 })
    expect(patch('mistral', { seed: 7, random_seed: 5 }).body).toEqual({ random_seed: 5 })
    expect(patch('mistral', { seed: null }).body).toEqual({})
  })
  test('qianfan: embeddings come as floats only, where a form is asked for', () => {
    expect(patch('qianfan', { encoding_format: 'base64' }, 'm', 'embeddings').body).toEqual({
      encoding_format: 'float',
    })
    expect(patch('qianfan', { encoding_format: null }, 'm', 'embeddings').body).toEqual({ encoding_format: null })
    expect(patch('qianfan', {}, 'm', 'embeddings').body).toEqual({})
  })
})

describe('huoshan: the usage of a bot', () => {
  const model_usage = [
    { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
    { prompt_tokens: 10, completion_tokens: 20, total_tokens: 30, name: 'm' },
    { prompt_tokens: 'many' },
  ]
  test('is the sum over its models', () =>
    expect(patchAnswer('huoshan', { bot_usage: { model_usage } })['usage']).toEqual({
      prompt_tokens: 11,
      completion_tokens: 22,
      total_tokens: 33,
    }))
  test('is not read beside a usage, without models, or in another form', () => {
    for (const body of [
      { bot_usage: { model_usage }, usage: { prompt_tokens: 1 } },
      { bot_usage: { model_usage: [] } },
      { bot_usage: { model_usage: {} } },
      { bot_usage: null },
      {},
    ] as JsonObject[])
      expect(patchAnswer('huoshan', body)).toEqual(body)
  })
})

describe('an openai entry without a URL, whose models all begin with', () => {
  test.each([
    ['glm-', 'zhipu'],
    ['deepseek-', 'deepseek'],
    ['yi-', 'lingyiwanwu'],
    ['gpt-', 'openai'],
    ['glm', 'openai'],
  ])('%s belongs to %s', (prefix, vendor) => {
    for (const model of [`${prefix}x`, `${prefix}X`.toUpperCase()]) {
      const resolved = wireOf(entryOf('openai', { models: [model] }))
      expect('provider' in resolved && resolved.provider.id).toBe(vendor)
    }
  })
})
