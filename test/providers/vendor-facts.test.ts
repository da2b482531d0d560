/** Where each vendor is called, by its documentation, and what an entry that says no more gets. */
import { describe, expect, test } from 'bun:test'
import { providers } from '../../src/providers/index.ts'
import { urlOf, wireOf } from '../../src/providers/resolve-url.ts'
import { entryOf, targetOf } from '../contracts/provider.ts'

/** Type | protocol | URL | default models. Each line is checked against the page that the provider's file names. */
const vendors = `
  aliyun | openai-chat | https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions | qwen3.8-max qwen3.8-flash qwen-plus qwen-flash
  baichuan | openai-chat | https://api.baichuan-ai.com/v1/chat/completions | Baichuan4-Turbo Baichuan4-Air Baichuan3-Turbo
  cerebras | openai-chat | https://api.cerebras.ai/v1/chat/completions | gpt-oss-120b
  claude | anthropic | https://api.anthropic.com/v1/messages | claude-opus-5-5 claude-sonnet-5-5 claude-haiku-5-5
  cohere | openai-chat | https://api.cohere.com/compatibility/v1/chat/completions | command-a-03-2025 rerank-v3.5
  dashscope | openai-chat | https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions |
  deepinfra | openai-chat | https://api.deepinfra.com/v1/openai/chat/completions | deepseek-ai/DeepSeek-V4-Flash-0731 openai/gpt-oss-120b
  deepseek | openai-chat | https://api.deepseek.com/chat/completions | deepseek-flash deepseek-v4-pro
  fireworks | openai-chat | https://api.fireworks.ai/inference/v1/chat/completions | accounts/fireworks/models/kimi-k3 accounts/fireworks/models/gpt-oss-120b
  gemini | gemini | https://generativelanguage.googleapis.com/v1beta/models/m:generateContent | gemini-3.8-flash gemini-3.5-flash-lite gemini-3.1-pro-preview
  gitee | openai-chat | https://api.moark.com/v1/chat/completions | Qwen3-8B GLM-5.3 DeepSeek-V4-Pro-0813
  groq | openai-chat | https://api.groq.com/openai/v1/chat/completions | openai/gpt-oss-120b openai/gpt-oss-20b
  huggingface | openai-chat | https://router.huggingface.co/v1/chat/completions | deepseek-ai/DeepSeek-V4-Flash-0731 openai/gpt-oss-120b
  hunyuan | openai-chat | https://tokenhub.tencentmaas.com/v1/chat/completions | hy3
  huoshan | openai-chat | https://ark.cn-beijing.volces.com/api/v3/chat/completions | doubao-seed-2-1-pro-260628 doubao-seed-2-1-turbo-260628
  hyperbolic | openai-chat | https://api.hyperbolic.xyz/v1/chat/completions |
  jina | embeddings | https://api.jina.ai/v1/embeddings | jina-reranker-v2-base-multilingual
  lingyiwanwu | openai-chat | https://api.lingyiwanwu.com/v1/chat/completions | yi-lightning yi-vision-v2
  llama_family | openai-chat | https://api.atomecho.cn/v1/chat/completions |
  lmstudio | openai-chat | http://localhost:1234/v1/chat/completions |
  minimax | openai-chat | https://api.minimaxi.com/v1/chat/completions | MiniMax-M3 MiniMax-M2.7 MiniMax-M2.5
  minimax | anthropic | https://api.minimaxi.com/anthropic/v1/messages | MiniMax-M3 MiniMax-M2.7 MiniMax-M2.5
  mistral | openai-chat | https://api.mistral.ai/v1/chat/completions | mistral-large-latest mistral-small-latest codestral-latest
  modelscope | openai-chat | https://api-inference.modelscope.cn/v1/chat/completions |
  moonshot | openai-chat | https://api.moonshot.cn/v1/chat/completions | kimi-k3 kimi-k2.6
  moonshot | anthropic | https://api.moonshot.cn/anthropic/v1/messages | kimi-k3 kimi-k2.6
  novita | openai-chat | https://api.novita.ai/openai/v1/chat/completions | zai-org/glm-5.3-flash deepseek/deepseek-v4-flash
  nvidia | openai-chat | https://integrate.api.nvidia.com/v1/chat/completions | nvidia/nemotron-3-super-120b-a12b openai/gpt-oss-20b
  ollama | openai-chat | http://localhost:11434/v1/chat/completions |
  openai | openai-chat | https://api.openai.com/v1/chat/completions |
  openrouter | openai-chat | https://openrouter.ai/api/v1/chat/completions |
  ppio | openai-chat | https://api.ppio.com/openai/v1/chat/completions | deepseek/deepseek-v4-flash zai-org/glm-4.7-flash
  qianfan | openai-chat | https://qianfan.baidubce.com/v2/chat/completions | ernie-5.1 ernie-4.5-turbo-128k ERNIE-Speed-8K ERNIE-Speed-128K ERNIE-Lite-8K ERNIE-Tiny-8K
  sambanova | openai-chat | https://api.sambanova.ai/v1/chat/completions | gpt-oss-120b Meta-Llama-3.3-70B-Instruct DeepSeek-V3.1
  siliconflow | openai-chat | https://api.siliconflow.cn/v1/chat/completions |
  stepfun | openai-chat | https://api.stepfun.com/v1/chat/completions | step-3.7-flash step-3.5-flash
  together | openai-chat | https://api.together.ai/v1/chat/completions | openai/gpt-oss-120b
  vllm | openai-chat | http://localhost:8000/v1/chat/completions |
  xai | openai-chat | https://api.x.ai/v1/chat/completions | grok-4.6 grok-4.5
  xinghuo | openai-chat | https://spark-api-open.xf-yun.com/v1/chat/completions | spark-lite spark-pro spark-max 4.0Ultra
  zai | openai-chat | https://api.z.ai/api/paas/v4/chat/completions | glm-5.3 glm-5.3-flash glm-4.7-flash
  zhipu | openai-chat | https://open.bigmodel.cn/api/paas/v4/chat/completions | glm-5.3 glm-5.3-flash glm-4.7-flash`

const rows = vendors
  .trim()
  .split('\n')
  .map(line => line.split('|').map(cell => cell.trim()) as [string, string, string, string])

describe('a vendor is called at', () => {
  test.each(rows)('%s, %s: %s', (type, protocol, url) => {
    const target = targetOf(entryOf(type), 'm')
    const given = urlOf(target, protocol)
    expect(given.replace(':streamGenerateContent?alt=sse', ':generateContent')).toBe(url)
  })
})

describe('an entry that names no model gets those of today', () => {
  test.each(rows.filter(([, , , models]) => models !== ''))('%s, %s, %s: %s', (type, _protocol, _url, models) =>
    expect(providers.get(type)!.models as readonly string[]).toEqual(models.split(' ')),
  )
  test.each(rows.filter(([, , , models]) => models === '').map(([type]) => type))('%s: it has none of its own', type =>
    expect(providers.get(type)!.models).toBeUndefined(),
  )
  test.each([
    ['cohere', ['embed-v4.0']],
    ['jina', ['jina-embeddings-v3']],
    ['mock', ['mock-embedding']],
  ])('%s, for embeddings: %j', (type, models) =>
    expect(providers.get(type)!.embeddingModels as readonly string[]).toEqual(models),
  )
})

describe('an openai entry at a further host of a vendor follows that vendor', () => {
  test.each([
    ['dashscope', 'dashscope-intl.aliyuncs.com'],
    ['dashscope', 'dashscope-us.aliyuncs.com'],
    ['dashscope', 'abc.maas.aliyuncs.com'],
    ['azure', 'r.openai.azure.com'],
    ['azure', 'r.cognitiveservices.azure.com'],
    ['azure', 'r.services.ai.azure.com'],
    ['azure', 'r.openai.azure.us'],
    ['azure', 'r.openai.azure.cn'],
    ['cohere', 'api.cohere.ai'],
    ['gitee', 'moark.com'],
    ['gitee', 'ai.gitee.com'],
    ['hunyuan', 'tokenhub-intl.tencentcloudmaas.com'],
    ['hunyuan', 'tokenhub-intl.tencentmaas.com'],
    ['hunyuan', 'api.hunyuan.cloud.tencent.com'],
    ['minimax', 'api.minimax.io'],
    ['minimax', 'api.minimax.chat'],
    ['mistral', 'codestral.mistral.ai'],
    ['moonshot', 'api.moonshot.ai'],
    ['ppio', 'api.ppinfra.com'],
    ['siliconflow', 'api.siliconflow.com'],
    ['stepfun', 'api.stepfun.ai'],
    ['together', 'api.together.xyz'],
    ['xai', 'us.api.x.ai'],
  ])('%s: %s', (type, host) => {
    const resolved = wireOf(entryOf('openai', { serverUrl: `https://${host}/v1` }))
    expect('provider' in resolved && resolved.provider.id).toBe(type)
    const foreign = wireOf(entryOf('openai', { serverUrl: `https://${host}.evil.example/v1` }))
    expect('provider' in foreign && foreign.provider.id).toBe('openai')
  })
})

describe('what a vendor needs or refuses', () => {
  const typesWith = (flag: 'refusesUsage' | 'requiresReasoning' | 'keyless') =>
    [...providers.values()].filter(provider => provider[flag] === true).map(({ id }) => id)
  test('is no key for servers of one’s own', () =>
    expect(typesWith('keyless')).toEqual(['lmstudio', 'ollama', 'openai', 'vllm']))
  test('is the reasoning before a call', () => expect(typesWith('requiresReasoning')).toEqual(['deepseek', 'moonshot']))
  test('is the question for usage in a stream', () => expect(typesWith('refusesUsage')).toEqual(['mistral']))

  test.each([
    ['bedrock', ['access_key', 'secret_key']],
    ['cloudflare', ['api_key', 'account_id']],
    ['vertexai', ['project_id']],
    ['lmstudio', []],
    ['mock', []],
    ['ollama', []],
    ['vllm', []],
  ])('of credentials: %s, %j', (type, names) =>
    expect(providers.get(type)!.credentials as readonly string[]).toEqual(names),
  )
  test('is one api_key for every other vendor', () => {
    const others = [...providers.values()].filter(
      ({ id }) => !['bedrock', 'cloudflare', 'vertexai', 'lmstudio', 'mock', 'ollama', 'vllm'].includes(id),
    )
    for (const { id, credentials } of others) expect([id, credentials]).toEqual([id, ['api_key']])
  })
})
