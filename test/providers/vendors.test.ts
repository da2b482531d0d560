import { describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../src/base/json/json.ts'
import { providers, unsupported } from '../../src/providers/index.ts'
import { credentialsOf, supportsProtocol, urlOf, wireOf } from '../../src/providers/resolve-url.ts'
import { entryOf, plainEntry, providerContract, targetOf } from '../contracts/provider.ts'

for (const provider of providers.values()) providerContract(provider)

const patchBody = (type: string, body: JsonObject, model = 'some-model') => {
  const provider = providers.get(type)!
  const losses: Record<string, string> = {}
  const changed = structuredClone(body)
  provider.patchRequest!['openai-chat']!(
    changed,
    (path, why) => (losses[path] = why),
    targetOf(plainEntry(provider), model),
  )
  return { body: changed, losses }
}

describe('the provider registry', () => {
  test('the registry is in alphabetical order, and every service type of the Go program is known', () => {
    const ids = [...providers.keys()]
    expect(ids).toEqual([...ids].sort())
    const types =
      'azure bailian claude dashscope deepseek dify gemini groq hunyuan huoshan minimax ollama openai qianfan vertexai xinghuo zhipu aliyun cozecn cozecom agentbuilder'
    for (const type of types.split(' '))
      expect([type, providers.has(type) !== unsupported.has(type)]).toEqual([type, true])
  })

  test('a URL in the hint of an unsupported type works for the service type that the hint names', () => {
    for (const [type, hint] of unsupported) {
      expect(wireOf(entryOf(type))).toEqual({ unsupported: hint })
      expect(supportsProtocol(entryOf(type), 'openai-chat')).toBe(false)
      const [, compatibleType, address] = /service of type (\w+): server_url (\S+)/.exec(hint) ?? []
      if (!compatibleType || !address) continue
      const serverUrl = address.replace('<region>', 'us-east-1').replace('<account', 'abc').replace('id>', '')
      const entry = entryOf(compatibleType, { serverUrl })
      const url = urlOf(targetOf(entry), 'openai-chat')
      expect(url).toStartWith(serverUrl.replace(/\/chat\/completions$/, ''))
      expect(url).toEndWith('/chat/completions')
    }
  })

  test('no default model was retired by its vendor', () => {
    const retiredModels = [
      ...[
        'deepseek-chat',
        'deepseek-reasoner',
        'deepseek-coder',
        'llama3-70b-8192',
        'mixtral-8x7b-32768',
        'qwen-turbo',
      ],
      ...[
        'qwen-max',
        'glm-3-turbo',
        'hunyuan-lite',
        'hunyuan-standard',
        'DeepSeek-R1',
        'Doubao-pro-32k',
        'yi_34b_chat',
      ],
      ...['@cf/meta/llama-3.1-8b-instruct', 'meta/llama-3.3-70b-instruct', 'moonshot-v1-8k', 'kimi-k2.5', 'spark-v2.0'],
    ]
    for (const { models = [], embeddingModels = [] } of providers.values())
      for (const model of [...models, ...embeddingModels]) expect(retiredModels).not.toContain(model)
  })

  test("providers have current default models, or none if the models are the user's", () => {
    expect(providers.get('deepseek')!.models).toContain('deepseek-flash')
    expect(providers.get('hunyuan')!.models).toEqual(['hy3'])
    for (const type of ['openai', 'azure', 'ollama', 'dashscope']) expect(providers.get(type)!.models).toBeUndefined()
  })

  test('an unknown type is reported as unknown', () => {
    expect(wireOf(entryOf('deepsek'))).toEqual({ unsupported: 'no service type deepsek is known' })
  })
})

describe('quirks', () => {
  const messages = [{ role: 'user', content: 'hi' }]

  test('groq: refused fields are removed and reported as losses', () => {
    const { body, losses } = patchBody('groq', {
      messages: [{ role: 'user', content: 'hi', name: 'ann' }],
      logprobs: true,
      top_logprobs: 3,
      logit_bias: {},
      n: 2,
      temperature: 0,
    })
    expect(body).toEqual({ messages, temperature: 0 })
    expect(Object.keys(losses).sort()).toEqual(['logit_bias', 'logprobs', 'messages[0].name', 'n', 'top_logprobs'])
    expect(patchBody('groq', { messages, n: 1, logprobs: false })).toEqual({ body: { messages, n: 1 }, losses: {} })
  })

  test('zhipu: only values out of range are changed', () => {
    expect(patchBody('zhipu', { temperature: 1.7, top_p: 0 })).toEqual({
      body: { temperature: 1, top_p: 0.01 },
      losses: { temperature: 'the vendor accepts 0 to 1, not 1.7', top_p: 'the vendor accepts 0.01 to 1, not 0' },
    })
    expect(patchBody('zhipu', { temperature: 0.95, top_p: 1 })).toEqual({
      body: { temperature: 0.95, top_p: 1 },
      losses: {},
    })
    expect(patchBody('zhipu', { max_completion_tokens: 7 }).body).toEqual({ max_tokens: 7 })
    expect(patchBody('zhipu', { max_completion_tokens: 7, max_tokens: 5 }).body).toEqual({ max_tokens: 5 })
  })

  test('zhipu: glm-4v gets plain base64, other models the data URL', () => {
    const image = (url: string) => ({
      messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }],
    })
    expect(patchBody('zhipu', image('data:image/png;base64,AAAA'), 'glm-4v-plus').body).toEqual(image('AAAA'))
    expect(patchBody('zhipu', image('https://h/a,b.png'), 'glm-4v').body).toEqual(image('https://h/a,b.png'))
    expect(patchBody('zhipu', image('data:image/png;base64,AAAA'), 'glm-4.5v').body).toEqual(
      image('data:image/png;base64,AAAA'),
    )
  })

  test('deepseek and dashscope: the role developer becomes system', () => {
    const withInstructions = [{ role: 'developer', content: 'rules' }, ...messages]
    for (const type of ['deepseek', 'dashscope'])
      expect(patchBody(type, { messages: withInstructions })).toEqual({
        body: { messages: [{ role: 'system', content: 'rules' }, ...messages] },
        losses: {},
      })
  })

  test('moonshot: parameters with fixed values are removed for Kimi models, and temperature is limited to 1 for others', () => {
    expect(patchBody('moonshot', { temperature: 1.5 }).body).toEqual({ temperature: 1 })
    const request = { temperature: 0.3, top_p: 0.9, n: 2, presence_penalty: 0, frequency_penalty: 0.5, max_tokens: 9 }
    const { body, losses } = patchBody('moonshot', request, 'Kimi-K2.6')
    expect(body).toEqual({ max_tokens: 9 })
    expect(Object.keys(losses).sort()).toEqual(['frequency_penalty', 'n', 'temperature', 'top_p'])
    expect(patchBody('moonshot', { temperature: 1, n: 1 }, 'kimi-k3')).toEqual({ body: {}, losses: {} })
  })

  test('moonshot: usage moves from the choice to the top level', () => {
    const usage = { prompt_tokens: 39, completion_tokens: 211, total_tokens: 250 }
    const frame: JsonObject = { choices: [{ index: 0, delta: {}, finish_reason: 'stop', usage }] }
    providers.get('moonshot')!.patchResponse!['openai-chat']!(frame)
    expect(frame).toEqual({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage })
  })

  test('xinghuo: models get their HTTP names, and system messages are folded for Lite and Pro but not for Max', () => {
    const withInstructions = [
      { role: 'developer', content: 'be brief' },
      { role: 'user', content: 'hi' },
    ]
    expect(
      patchBody('xinghuo', { model: 'spark-lite', messages: withInstructions, temperature: 0 }, 'spark-lite'),
    ).toEqual({
      body: { model: 'lite', messages: [{ role: 'user', content: 'be brief\n\nhi' }], temperature: 0.01 },
      losses: { temperature: 'the vendor accepts 0.01 to 1, not 0' },
    })
    expect(patchBody('xinghuo', { model: 'Spark-Max', messages: withInstructions }, 'Spark-Max').body).toEqual({
      model: 'generalv3.5',
      messages: [{ role: 'system', content: 'be brief' }, withInstructions[1]!],
    })
    const parts = [{ type: 'text', text: 'look' }]
    const lateInstructions: JsonObject[] = [
      { role: 'assistant', content: 'well' },
      { role: 'user', content: parts },
      { role: 'system', content: [{ type: 'text', text: 'a' }, 'b'] },
    ]
    expect(patchBody('xinghuo', { messages: lateInstructions }, 'generalv3').body['messages']).toEqual([
      lateInstructions[0]!,
      { role: 'user', content: [{ type: 'text', text: 'ab' }, ...parts] },
    ])
    expect(patchBody('xinghuo', { messages: [{ role: 'system', content: 'alone' }] }, 'lite').body['messages']).toEqual(
      [{ role: 'user', content: 'alone' }],
    )
    expect(patchBody('xinghuo', { model: 'x1', messages }, 'x1').body).toEqual({ model: 'x1', messages })
  })

  test('mistral: fields that its schema does not know are removed, also from messages', () => {
    const request = {
      messages: [
        { role: 'user', name: 'ann', content: 'hi' },
        { role: 'assistant', content: 'well', reasoning_content: 'hm', refusal: null, tool_calls: [] },
        { role: 'tool', name: 'f', tool_call_id: 'c', content: '1' },
      ],
      seed: 7,
      max_completion_tokens: 9,
      user: 'ann',
      parallel_tool_calls: false,
    }
    const { body, losses } = patchBody('mistral', request)
    expect(body).toEqual({
      messages: [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: 'well', tool_calls: [] },
        { role: 'tool', name: 'f', tool_call_id: 'c', content: '1' },
      ],
      random_seed: 7,
      max_tokens: 9,
      parallel_tool_calls: false,
    })
    expect(Object.keys(losses).sort()).toEqual(['messages[0].name', 'messages[1].reasoning_content', 'user'])
    expect(wireOf(entryOf('mistral'))).toMatchObject({ wire: { refusesUsage: true } })
  })

  test('xai, cerebras, nvidia: a penalty of 0 is removed without a loss, and refused fields are reported as losses', () => {
    const request = { presence_penalty: 0, frequency_penalty: 0.5, stop: ['x'], logit_bias: { 1: 2 } }
    expect(patchBody('xai', request, 'grok-4.6')).toMatchObject({ body: { logit_bias: { 1: 2 } } })
    expect(Object.keys(patchBody('xai', request, 'grok-4.6').losses)).toEqual(['frequency_penalty', 'stop'])
    expect(patchBody('xai', request, 'grok-4.20-0309-non-reasoning').body).toHaveProperty('stop')
    expect(Object.keys(patchBody('cerebras', request).losses)).toEqual(['frequency_penalty', 'logit_bias'])
    expect(patchBody('nvidia', request)).toEqual({
      body: { frequency_penalty: 0.5, stop: ['x'], logit_bias: { 1: 2 } },
      losses: {},
    })
  })

  test('qianfan: ERNIE model names become lower case, and other names are kept', () => {
    expect(patchBody('qianfan', { model: 'ERNIE-Speed-8K' }).body).toEqual({ model: 'ernie-speed-8k' })
    expect(patchBody('qianfan', { model: 'DeepSeek-R1' }).body).toEqual({ model: 'DeepSeek-R1' })
  })

  test('minimax allows one choice, and huoshan one limit', () => {
    expect(patchBody('minimax', { n: 1, temperature: 0 }).body).toEqual({ n: 1, temperature: 0.01 })
    expect(Object.keys(patchBody('minimax', { n: 2 }).losses)).toEqual(['n'])
    expect(patchBody('huoshan', { max_tokens: 5, max_completion_tokens: 7 }).body).toEqual({ max_completion_tokens: 7 })
    expect(patchBody('huoshan', { max_tokens: 5 }).body).toEqual({ max_tokens: 5 })
  })

  test('a malformed body is left for the vendor to refuse', () => {
    for (const type of [...providers.values()]
      .filter(({ patchRequest }) => patchRequest?.['openai-chat'])
      .map(({ id }) => id)) {
      const body = { messages: 'hi', temperature: 'warm', n: 'two' }
      expect(patchBody(type, body, 'glm-4v').body).toEqual(body)
      const malformed = { messages: [null, 3, { role: 'user', content: [null, { image_url: 'x' }] }] } as JsonObject
      expect(patchBody(type, malformed, 'glm-4v').body).toEqual(malformed)
    }
  })

  test('openai, openrouter and siliconflow have no corrections', () => {
    for (const type of ['openai', 'openrouter', 'siliconflow']) {
      const { wire } = wireOf(entryOf(type)) as { wire: { patchRequest?: unknown; patchResponse?: unknown } }
      expect([wire.patchRequest, wire.patchResponse]).toEqual([undefined, undefined])
    }
  })
})

describe('the vendor of an openai entry', () => {
  test('an openai entry at a vendor’s host follows that vendor and still needs no key', () => {
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
      const resolved = wireOf(entry)
      expect([serverUrl, 'provider' in resolved && resolved.provider.id]).toEqual([serverUrl, id])
      expect(credentialsOf(entry)).toEqual([])
    }
  })

  test('without a URL an openai entry follows the vendor of all its models', () => {
    const vendorOf = (models: string[], map: [string, string][] = []) => {
      const resolved = wireOf(entryOf('openai', { models, map: new Map(map) }))
      return 'provider' in resolved && resolved.provider.id
    }
    expect(vendorOf(['glm-4', 'GLM-4-flash'])).toBe('zhipu')
    expect(vendorOf(['deepseek-chat'])).toBe('deepseek')
    expect(vendorOf(['my-model'], [['my-model', 'deepseek-chat']])).toBe('deepseek')
    expect(vendorOf(['glm-4', 'gpt-4o'])).toBe('openai')
    expect(vendorOf(['yi-large'])).toBe('lingyiwanwu')
    expect(vendorOf(['*'])).toBe('openai')
  })

  test('native URLs are not supported for chat, and the hint says what to configure', () => {
    const hint = (type: string, serverUrl: string) => {
      const resolved = wireOf(entryOf(type, { serverUrl }))
      return 'unsupported' in resolved ? resolved.unsupported : ''
    }
    const nativeUrl = 'https://dashscope.aliyuncs.com/api/v1/services/aigc/text-generation/generation'
    expect(hint('dashscope', nativeUrl)).toContain('compatible-mode/v1')
    expect(hint('openai', nativeUrl)).toContain('compatible-mode/v1')
    for (const path of ['/api/chat', '/api/generate', '/api'])
      expect(hint('ollama', `http://127.0.0.1:11434${path}`)).toContain('/v1')
    expect(hint('ollama', 'http://127.0.0.1:11434/apis/v1')).toBe('')
  })

  test('azure without a URL is unsupported, and the hint names server_url', () => {
    expect(wireOf(entryOf('azure'))).toEqual({ unsupported: expect.stringContaining('server_url') })
  })

  test('azure is not asked for usage in a stream before api-version 2024-09', () => {
    const refusesUsage = (serverUrl: string) => {
      const resolved = wireOf(entryOf('azure', { serverUrl }))
      return 'wire' in resolved && resolved.wire.refusesUsage === true
    }
    const deploymentUrl = 'https://r.openai.azure.com/openai/deployments/d'
    expect(refusesUsage(`${deploymentUrl}?api-version=2023-07-01-preview`)).toBe(true)
    expect(refusesUsage(`${deploymentUrl}?api-version=2024-08-01-preview`)).toBe(true)
    expect(refusesUsage(`${deploymentUrl}?api-version=2024-09-01-preview`)).toBe(false)
    expect(refusesUsage(deploymentUrl)).toBe(false)
    expect(refusesUsage('https://r.openai.azure.com')).toBe(false)
    expect(refusesUsage('https://r.services.ai.azure.com/models?api-version=2024-05-01-preview')).toBe(false)
  })
})

describe('protocols of a host that is not the vendor’s', () => {
  test('a foreign host serves the first protocol, the declared protocols, and embeddings if embedding models are named', () => {
    const serverUrl = 'https://relay.example/v1'
    const plain = entryOf('zhipu', { serverUrl })
    expect([
      supportsProtocol(plain, 'openai-chat'),
      supportsProtocol(plain, 'embeddings'),
      supportsProtocol(plain, 'rerank'),
    ]).toEqual([true, false, false])
    const declared = entryOf('zhipu', { serverUrl, supportedProtocols: ['rerank'], embeddingModels: ['embedding-3'] })
    expect([supportsProtocol(declared, 'embeddings'), supportsProtocol(declared, 'rerank')]).toEqual([true, true])
    expect(wireOf(declared)).toMatchObject({
      wire: { paths: { 'openai-chat': '/paas/v4/chat/completions', rerank: '/paas/v4/rerank' } },
    })
    expect(wireOf(entryOf('deepseek', { supportedProtocols: ['rerank'] }))).toMatchObject({
      wire: { paths: { rerank: '/rerank' } },
    })
    expect(wireOf(plain)).toMatchObject({ wire: { paths: expect.not.objectContaining({ rerank: '/rerank' }) } })
    expect(urlOf(targetOf(declared), 'rerank')).toBe('https://relay.example/v1/rerank')
    const withoutEmbeddings = entryOf('deepseek', { serverUrl, embeddingModels: ['none-there'] })
    expect(supportsProtocol(withoutEmbeddings, 'embeddings')).toBe(false)
  })
})
