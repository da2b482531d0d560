import { describe, expect, test } from 'bun:test'
import type { JsonObject } from '../src/ir/json.ts'
import { addressOf, credentialsOf, serves, wireOf } from '../src/providers/address.ts'
import { providers, unbuilt } from '../src/providers/index.ts'
import { entryOf, plainEntry, providerContract, targetOf } from './contracts/provider.ts'

for (const provider of providers.values()) providerContract(provider)

const adjusted = (type: string, body: JsonObject, model = 'some-model') => {
  const provider = providers.get(type)!
  const losses: Record<string, string> = {}
  const changed = structuredClone(body)
  provider.adjust!['openai-chat']!(changed, (path, why) => (losses[path] = why), targetOf(plainEntry(provider), model))
  return { body: changed, losses }
}

describe('the registry', () => {
  test('is in the order of the alphabet and names every service type of the Go program, built or not', () => {
    const ids = [...providers.keys()]
    expect(ids).toEqual([...ids].sort())
    const types =
      'azure bailian claude dashscope deepseek dify gemini groq hunyuan huoshan minimax ollama openai qianfan vertexai xinghuo zhipu aliyun cozecn cozecom agentbuilder'
    for (const type of types.split(' ')) expect([type, providers.has(type) !== unbuilt.has(type)]).toEqual([type, true])
  })

  test('an unbuilt type keeps its promise: the address it names works as type openai', () => {
    let addresses = 0
    for (const [type, word] of unbuilt) {
      expect(wireOf(entryOf(type))).toEqual({ unbuilt: word })
      expect(serves(entryOf(type), 'openai-chat')).toBe(false)
      const [, as, address] = /service of type (\w+): server_url (\S+)/.exec(word) ?? []
      if (!as || !address) continue
      addresses++
      const serverUrl = address.replace('<region>', 'us-east-1').replace('<account', 'abc').replace('id>', '')
      const entry = entryOf(as, { serverUrl })
      const url = addressOf(targetOf(entry), 'openai-chat')
      expect(url).toStartWith(serverUrl.replace(/\/chat\/completions$/, ''))
      expect(url).toEndWith('/chat/completions')
    }
    expect(addresses).toBeGreaterThan(25)
  })

  test('default models are those of the Go program', () => {
    expect(providers.get('deepseek')!.models).toEqual(['deepseek-chat', 'deepseek-coder'])
    expect(providers.get('zhipu')!.models).toHaveLength(7)
    expect(providers.get('groq')!.models).toContain('mixtral-8x7b-32768')
    expect(providers.get('aliyun')!.models).toEqual(['qwen-turbo', 'qwen-plus', 'qwen-max', 'qwen-max-longcontext'])
    for (const type of ['openai', 'azure', 'ollama', 'dashscope']) expect(providers.get(type)!.models).toBeUndefined()
  })

  test('an unknown type is said to be unknown', () => {
    expect(wireOf(entryOf('deepsek'))).toEqual({ unbuilt: 'no service type deepsek is known' })
  })
})

describe('quirks', () => {
  const messages = [{ role: 'user', content: 'hi' }]

  test('groq: what it refuses is left out and noted', () => {
    const { body, losses } = adjusted('groq', {
      messages: [{ role: 'user', content: 'hi', name: 'ann' }],
      logprobs: true,
      top_logprobs: 3,
      logit_bias: {},
      n: 2,
      temperature: 0,
    })
    expect(body).toEqual({ messages, temperature: 0 })
    expect(Object.keys(losses).sort()).toEqual(['logit_bias', 'logprobs', 'messages[0].name', 'n', 'top_logprobs'])
    expect(adjusted('groq', { messages, n: 1, logprobs: false })).toEqual({ body: { messages, n: 1 }, losses: {} })
  })

  test('zhipu: only what is out of range moves', () => {
    expect(adjusted('zhipu', { temperature: 1.7, top_p: 0 })).toEqual({
      body: { temperature: 1, top_p: 0.01 },
      losses: { temperature: 'the vendor takes 0 to 1, not 1.7', top_p: 'the vendor takes 0.01 to 1, not 0' },
    })
    expect(adjusted('zhipu', { temperature: 0.95, top_p: 1 })).toEqual({
      body: { temperature: 0.95, top_p: 1 },
      losses: {},
    })
    expect(adjusted('zhipu', { max_completion_tokens: 7 }).body).toEqual({ max_tokens: 7 })
    expect(adjusted('zhipu', { max_completion_tokens: 7, max_tokens: 5 }).body).toEqual({ max_tokens: 5 })
  })

  test('zhipu: glm-4v gets bare base64, others the data URL', () => {
    const image = (url: string) => ({
      messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }],
    })
    expect(adjusted('zhipu', image('data:image/png;base64,AAAA'), 'glm-4v-plus').body).toEqual(image('AAAA'))
    expect(adjusted('zhipu', image('https://h/a,b.png'), 'glm-4v').body).toEqual(image('https://h/a,b.png'))
    expect(adjusted('zhipu', image('data:image/png;base64,AAAA'), 'glm-4.5v').body).toEqual(
      image('data:image/png;base64,AAAA'),
    )
  })

  test('deepseek and dashscope: the role developer is system', () => {
    const rules = [{ role: 'developer', content: 'rules' }, ...messages]
    for (const type of ['deepseek', 'dashscope'])
      expect(adjusted(type, { messages: rules })).toEqual({
        body: { messages: [{ role: 'system', content: 'rules' }, ...messages] },
        losses: {},
      })
  })

  test('moonshot: temperature to 1, usage out of the choice', () => {
    expect(adjusted('moonshot', { temperature: 1.5 }).body).toEqual({ temperature: 1 })
    const usage = { prompt_tokens: 39, completion_tokens: 211, total_tokens: 250 }
    const frame: JsonObject = { choices: [{ index: 0, delta: {}, finish_reason: 'stop', usage }] }
    providers.get('moonshot')!.mend!['openai-chat']!(frame)
    expect(frame).toEqual({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage })
  })

  test('a body that is not what it should be is left to the vendor', () => {
    for (const type of ['groq', 'zhipu', 'deepseek', 'dashscope', 'moonshot', 'ollama']) {
      const body = { messages: 'hi', temperature: 'warm', n: 'two' }
      expect(adjusted(type, body, 'glm-4v').body).toEqual(body)
      const odd = { messages: [null, 3, { role: 'user', content: [null, { image_url: 'x' }] }] } as JsonObject
      expect(adjusted(type, odd, 'glm-4v').body).toEqual(odd)
    }
  })

  test('openai, openrouter and siliconflow pass untouched', () => {
    for (const type of ['openai', 'openrouter', 'siliconflow']) {
      const { wire } = wireOf(entryOf(type)) as { wire: { adjust?: unknown; mend?: unknown } }
      expect([wire.adjust, wire.mend]).toEqual([undefined, undefined])
    }
  })
})

describe('whose entry it is', () => {
  test('an openai entry at a vendor’s host is that vendor’s, and still needs no key', () => {
    const vendors: [string, string][] = [
      ['https://open.bigmodel.cn/api/paas/v4', 'zhipu'],
      ['https://api.groq.com/openai/v1', 'groq'],
      ['https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions', 'dashscope'],
      ['https://API.DeepSeek.com', 'deepseek'],
      ['https://api.moonshot.ai/v1', 'moonshot'],
      ['https://openrouter.ai/api/v1', 'openrouter'],
      ['https://api.siliconflow.com/v1', 'siliconflow'],
      [
        'https://mine.openai.azure.com/openai/deployments/gpt-4.1/chat/completions?api-version=2025-01-01-preview',
        'azure',
      ],
      ['https://mine.cognitiveservices.azure.com/openai/v1', 'azure'],
      ['https://mine.services.ai.azure.com/models', 'azure'],
      ['https://openai.azure.com.evil.example/v1', 'openai'],
      ['https://notapi.groq.com/openai/v1', 'openai'],
      ['http://localhost:11434/v1', 'openai'],
      ['https://api.openai.com/v1', 'openai'],
    ]
    for (const [serverUrl, id] of vendors) {
      const entry = entryOf('openai', { serverUrl })
      const chosen = wireOf(entry)
      expect([serverUrl, 'provider' in chosen && chosen.provider.id]).toEqual([serverUrl, id])
      expect(credentialsOf(entry)).toEqual([])
    }
  })

  test('without an address an openai entry is the vendor’s whose models all are', () => {
    const whose = (models: string[], map: [string, string][] = []) => {
      const chosen = wireOf(entryOf('openai', { models, map: new Map(map) }))
      return 'provider' in chosen && chosen.provider.id
    }
    expect(whose(['glm-4', 'GLM-4-flash'])).toBe('zhipu')
    expect(whose(['deepseek-chat'])).toBe('deepseek')
    expect(whose(['my-model'], [['my-model', 'deepseek-chat']])).toBe('deepseek')
    expect(whose(['glm-4', 'gpt-4o'])).toBe('openai')
    expect(whose(['yi-large'])).toBe('openai')
    expect(whose(['*'])).toBe('openai')
  })

  test('native addresses are not spoken yet, and the word says what to write', () => {
    const word = (type: string, serverUrl: string) => {
      const chosen = wireOf(entryOf(type, { serverUrl }))
      return 'unbuilt' in chosen ? chosen.unbuilt : ''
    }
    const native = 'https://dashscope.aliyuncs.com/api/v1/services/aigc/text-generation/generation'
    expect(word('dashscope', native)).toContain('compatible-mode/v1')
    expect(word('openai', native)).toContain('compatible-mode/v1')
    for (const path of ['/api/chat', '/api/generate', '/api'])
      expect(word('ollama', `http://127.0.0.1:11434${path}`)).toContain('/v1')
    expect(word('ollama', 'http://127.0.0.1:11434/apis/v1')).toBe('')
  })

  test('azure without an address cannot be reached and says so', () => {
    expect(wireOf(entryOf('azure'))).toEqual({ unbuilt: expect.stringContaining('server_url') })
  })

  test('azure before 2024-09 is not asked for usage in a stream', () => {
    const refuses = (serverUrl: string) => {
      const chosen = wireOf(entryOf('azure', { serverUrl }))
      return 'wire' in chosen && chosen.wire.refusesUsage === true
    }
    const at = 'https://r.openai.azure.com/openai/deployments/d'
    expect(refuses(`${at}?api-version=2023-07-01-preview`)).toBe(true)
    expect(refuses(`${at}?api-version=2024-08-01-preview`)).toBe(true)
    expect(refuses(`${at}?api-version=2024-09-01-preview`)).toBe(false)
    expect(refuses(at)).toBe(false)
    expect(refuses('https://r.openai.azure.com')).toBe(false)
    expect(refuses('https://r.services.ai.azure.com/models?api-version=2024-05-01-preview')).toBe(false)
  })
})

describe('what a foreign host serves', () => {
  test('the first protocol, what the entry says it speaks, and embeddings where models are named for them', () => {
    const serverUrl = 'https://relay.example/v1'
    const plain = entryOf('zhipu', { serverUrl })
    expect([serves(plain, 'openai-chat'), serves(plain, 'embeddings'), serves(plain, 'rerank')]).toEqual([
      true,
      false,
      false,
    ])
    const told = entryOf('zhipu', { serverUrl, speaks: ['rerank'], embeddingModels: ['embedding-3'] })
    expect([serves(told, 'embeddings'), serves(told, 'rerank')]).toEqual([true, true])
    expect(wireOf(told)).toMatchObject({ wire: { speaks: { 'openai-chat': '/chat/completions', rerank: '/rerank' } } })
    expect(wireOf(entryOf('deepseek', { speaks: ['rerank'] }))).toMatchObject({
      wire: { speaks: { rerank: '/rerank' } },
    })
    expect(wireOf(plain)).toMatchObject({ wire: { speaks: expect.not.objectContaining({ rerank: '/rerank' }) } })
    expect(addressOf(targetOf(told), 'rerank')).toBe('https://relay.example/v1/rerank')
    const mute = entryOf('deepseek', { serverUrl, embeddingModels: ['none-there'] })
    expect(serves(mute, 'embeddings')).toBe(false)
  })
})
