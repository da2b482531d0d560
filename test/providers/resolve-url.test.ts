/** A table of server_url → the URL that a request is sent to. */
import { describe, expect, test } from 'bun:test'
import { providers } from '../../src/providers/index.ts'
import { chooseProtocol, isNative, supportsProtocol, urlOf } from '../../src/providers/resolve-url.ts'
import { entryOf, targetOf } from '../contracts/provider.ts'
import { recordedTest, recordingsOf } from '../support/recordings.ts'
import { stopwatch } from '../support/stopwatch.ts'

const chat = 'openai-chat'

type Row = [type: string, serverUrl: string | undefined, protocol: string, url: string, model?: string]

const account = 'https://api.cloudflare.com/client/v4/accounts/0a1b/ai'
const ark = 'https://ark.cn-beijing.volces.com/api/v3'
const azure = 'https://r.openai.azure.com'
const versionQuery = '?api-version=2024-10-21'

const google = 'https://generativelanguage.googleapis.com'
const rows: Row[] = [
  ['openai', undefined, chat, 'https://api.openai.com/v1/chat/completions', 'gpt-4o'],
  ['openai', undefined, chat, 'https://api.openai.com/v1/chat/completions', 'o3-mini'],
  ['openai', undefined, chat, 'https://open.bigmodel.cn/api/paas/v4/chat/completions', 'GLM-4'],
  ['openai', undefined, chat, 'https://api.deepseek.com/chat/completions', 'deepseek-chat'],
  ['openai', undefined, chat, 'https://api.lingyiwanwu.com/v1/chat/completions', 'yi-large'],
  ['openai', undefined, 'audio/speech', 'https://api.openai.com/v1/audio/speech', 'tts-1'],

  // Embeddings, as in the table of the Go program.
  ['openai', undefined, 'embeddings', 'https://api.openai.com/v1/embeddings', 'text-embedding-3-small'],
  ['openai', 'https://h.example/v1', 'embeddings', 'https://h.example/v1/embeddings'],
  ['openai', 'https://h.example/v1/', 'embeddings', 'https://h.example/v1/embeddings'],
  ['openai', 'https://h.example/v1/chat/completions', 'embeddings', 'https://h.example/v1/embeddings'],
  ['openai', 'https://h.example/v1/embeddings', 'embeddings', 'https://h.example/v1/embeddings'],
  [
    'openai',
    'https://h.example/openai/v1/chat/completions?api-version=1',
    'embeddings',
    'https://h.example/openai/v1/embeddings?api-version=1',
  ],

  ['openai', 'https://h.example', chat, 'https://h.example/v1/chat/completions'],
  ['openai', 'https://h.example/', chat, 'https://h.example/v1/chat/completions'],
  ['openai', 'https://h.example:8443//', chat, 'https://h.example:8443/v1/chat/completions'],
  ['openai', 'http://127.0.0.1:3000', chat, 'http://127.0.0.1:3000/v1/chat/completions'],
  ['openai', 'https://h.example/v1', chat, 'https://h.example/v1/chat/completions'],
  ['openai', 'https://h.example/v1/embeddings', chat, 'https://h.example/v1/chat/completions'],
  ['openai', 'https://h.example/v1/chat/completions/', chat, 'https://h.example/v1/chat/completions'],
  ['openai', 'https://h.example/v1/completions', 'completions', 'https://h.example/v1/completions'],
  ['openai', 'https://h.example/api/paas/v4', chat, 'https://h.example/api/paas/v4/chat/completions'],
  ['openai', 'https://h.example/api/chat/completions', chat, 'https://h.example/api/chat/completions'],
  ['openai', 'https://h.example/chat/completions', chat, 'https://h.example/chat/completions'],
  ['openai', 'https://h.example/api', chat, 'https://h.example/api/chat/completions'],
  ['openai', 'https://h.example?key=1', chat, 'https://h.example/v1/chat/completions?key=1'],
  ['openai', 'https://h.example/v1/chat/completions?a=1&b=2', chat, 'https://h.example/v1/chat/completions?a=1&b=2'],
  ['openai', 'https://me:pw@h.example/v1', chat, 'https://me:pw@h.example/v1/chat/completions'],
  ['openai', 'https://h.example/v1/images/generations', 'images/edits', 'https://h.example/v1/images/edits'],
  [
    'openai',
    'https://relay.example/https://api.openai.com/v1',
    chat,
    'https://relay.example/https://api.openai.com/v1/chat/completions',
  ],
  ['openai', `${account}/v1/chat/completions`, chat, `${account}/v1/chat/completions`],
  ['openai', `${account}/v1`, 'embeddings', `${account}/v1/embeddings`],
  ['openai', 'https://api.perplexity.ai/v1', 'openai-responses', 'https://api.perplexity.ai/v1/responses'],
  ['openai', 'https://api.deepinfra.com/v1/openai', chat, 'https://api.deepinfra.com/v1/openai/chat/completions'],
  ['openai', 'https://api.openai.com', 'moderations', 'https://api.openai.com/v1/moderations'],

  // An openai entry at a vendor's own host follows that vendor.
  ['openai', 'https://openrouter.ai', chat, 'https://openrouter.ai/api/v1/chat/completions'],
  ['openai', 'https://openrouter.ai/api', 'rerank', 'https://openrouter.ai/api/v1/rerank'],
  ['openai', 'https://api.groq.com', chat, 'https://api.groq.com/openai/v1/chat/completions'],
  [
    'openai',
    'https://api.groq.com/openai/v1',
    'audio/transcriptions',
    'https://api.groq.com/openai/v1/audio/transcriptions',
  ],
  ['openai', 'https://open.bigmodel.cn', chat, 'https://open.bigmodel.cn/api/paas/v4/chat/completions'],
  ['openai', 'https://api.z.ai/api/coding/paas/v4', chat, 'https://api.z.ai/api/coding/paas/v4/chat/completions'],
  [
    'openai',
    'https://dashscope.aliyuncs.com',
    chat,
    'https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions',
  ],
  ['openai', 'https://api.deepseek.com', chat, 'https://api.deepseek.com/chat/completions'],
  ['openai', 'https://api.deepseek.com/v1', chat, 'https://api.deepseek.com/v1/chat/completions'],
  ['openai', 'https://api.deepseek.com/v1', 'completions', 'https://api.deepseek.com/beta/completions'],
  [
    'openai',
    `${azure}/openai/deployments/gpt-4.1/chat/completions?api-version=2025-01-01-preview`,
    chat,
    `${azure}/openai/deployments/gpt-4.1/chat/completions?api-version=2025-01-01-preview`,
  ],

  ['deepseek', undefined, chat, 'https://api.deepseek.com/chat/completions'],
  ['deepseek', undefined, 'anthropic', 'https://api.deepseek.com/anthropic/v1/messages'],
  ['claude', undefined, 'anthropic', 'https://api.anthropic.com/v1/messages'],
  ['claude', 'https://api.anthropic.com', 'anthropic', 'https://api.anthropic.com/v1/messages'],
  ['claude', 'https://api.anthropic.com/v1/messages', 'anthropic', 'https://api.anthropic.com/v1/messages'],
  ['claude', 'https://relay.example', 'anthropic', 'https://relay.example/v1/messages'],
  ['claude', 'https://relay.example/claude/v1/', 'anthropic', 'https://relay.example/claude/v1/messages'],
  ['moonshot', undefined, 'anthropic', 'https://api.moonshot.cn/anthropic/v1/messages'],
  ['moonshot', 'https://api.moonshot.ai/v1', 'anthropic', 'https://api.moonshot.ai/anthropic/v1/messages'],
  ['zhipu', undefined, 'anthropic', 'https://open.bigmodel.cn/api/anthropic/v1/messages'],
  ['zhipu', undefined, chat, 'https://open.bigmodel.cn/api/paas/v4/chat/completions'],
  ['zai', undefined, chat, 'https://api.z.ai/api/paas/v4/chat/completions'],
  ['zai', 'https://api.z.ai/api/coding/paas/v4', 'anthropic', 'https://api.z.ai/api/anthropic/v1/messages'],
  ['zai', 'https://api.z.ai/api/coding/paas/v4', chat, 'https://api.z.ai/api/coding/paas/v4/chat/completions'],
  ['minimax', undefined, 'anthropic', 'https://api.minimaxi.com/anthropic/v1/messages'],
  ['dashscope', undefined, 'anthropic', 'https://dashscope.aliyuncs.com/apps/anthropic/v1/messages'],
  ['deepseek', 'https://api.deepseek.com/beta', chat, 'https://api.deepseek.com/beta/chat/completions'],
  ['deepseek', 'https://relay.example', chat, 'https://relay.example/v1/chat/completions'],
  ['zhipu', undefined, 'embeddings', 'https://open.bigmodel.cn/api/paas/v4/embeddings'],
  [
    'zhipu',
    'https://open.bigmodel.cn/api/paas/v4/chat/completions',
    'rerank',
    'https://open.bigmodel.cn/api/paas/v4/rerank',
  ],
  ['dashscope', undefined, 'rerank', 'https://dashscope.aliyuncs.com/compatible-api/v1/reranks'],
  [
    'dashscope',
    'https://dashscope-intl.aliyuncs.com/compatible-mode/v1',
    'rerank',
    'https://dashscope-intl.aliyuncs.com/compatible-api/v1/reranks',
  ],
  [
    'dashscope',
    'https://dashscope.aliyuncs.com/compatible-mode',
    chat,
    'https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions',
  ],
  ['aliyun', undefined, chat, 'https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions'],
  ['moonshot', 'https://api.moonshot.ai', chat, 'https://api.moonshot.ai/v1/chat/completions'],
  ['siliconflow', undefined, 'rerank', 'https://api.siliconflow.cn/v1/rerank'],
  ['ollama', undefined, chat, 'http://localhost:11434/v1/chat/completions'],
  ['ollama', 'http://192.168.1.5:11434', 'embeddings', 'http://192.168.1.5:11434/v1/embeddings'],
  ['lmstudio', undefined, chat, 'http://localhost:1234/v1/chat/completions'],
  ['vllm', 'http://gpu:8000/v1/', 'rerank', 'http://gpu:8000/v1/rerank'],
  [
    'vertexai',
    undefined,
    chat,
    'https://aiplatform.googleapis.com/v1/projects/-/locations/global/endpoints/openapi/chat/completions',
  ],

  ['groq', undefined, chat, 'https://api.groq.com/openai/v1/chat/completions'],
  ['openrouter', undefined, 'embeddings', 'https://openrouter.ai/api/v1/embeddings'],
  ['lingyiwanwu', undefined, chat, 'https://api.lingyiwanwu.com/v1/chat/completions'],
  ['llama_family', undefined, chat, 'https://api.atomecho.cn/v1/chat/completions'],
  ['cloudflare', `${account}/v1/chat/completions`, chat, `${account}/v1/chat/completions`],
  ['cloudflare', `${account}/v1`, 'embeddings', `${account}/v1/embeddings`],
  [
    'cloudflare',
    'https://gateway.ai.cloudflare.com/v1/0a1b/mine/workers-ai/v1',
    chat,
    'https://gateway.ai.cloudflare.com/v1/0a1b/mine/workers-ai/v1/chat/completions',
  ],
  ['huoshan', undefined, chat, `${ark}/chat/completions`, 'ep-20240101'],
  ['huoshan', undefined, chat, `${ark}/bots/chat/completions`, 'bot-20250707'],
  ['huoshan', ark, chat, `${ark}/bots/chat/completions`, 'bot-20250707'],
  ['huoshan', ark, chat, `${ark}/chat/completions`, 'doubao'],
  ['huoshan', 'https://ark.cn-beijing.volces.com', chat, `${ark}/chat/completions`, 'doubao'],
  ['huoshan', `${ark}/bots/chat/completions`, chat, `${ark}/bots/chat/completions`, 'bot-20250707'],
  [
    'huoshan',
    'https://ark.cn-beijing.volces.com/api/coding/v3',
    chat,
    'https://ark.cn-beijing.volces.com/api/coding/v3/chat/completions',
  ],
  ['huoshan', 'https://relay.example/ark?k=1', chat, 'https://relay.example/ark/bots/chat/completions?k=1', 'bot-1'],
  ['huoshan', undefined, 'images/generations', `${ark}/images/generations`],
  ['hunyuan', undefined, chat, 'https://tokenhub.tencentmaas.com/v1/chat/completions'],
  ['hunyuan', undefined, 'embeddings', 'https://tokenhub.tencentmaas.com/v1/embeddings'],
  [
    'hunyuan',
    'https://api.hunyuan.cloud.tencent.com/v1',
    chat,
    'https://api.hunyuan.cloud.tencent.com/v1/chat/completions',
  ],
  ['xinghuo', undefined, chat, 'https://spark-api-open.xf-yun.com/v1/chat/completions'],
  ['qianfan', undefined, chat, 'https://qianfan.baidubce.com/v2/chat/completions'],
  ['qianfan', 'https://qianfan.baidubce.com', 'embeddings', 'https://qianfan.baidubce.com/v2/embeddings'],
  ['minimax', undefined, chat, 'https://api.minimaxi.com/v1/chat/completions'],
  ['minimax', 'https://api.minimax.io', chat, 'https://api.minimax.io/v1/chat/completions'],
  ['baichuan', undefined, 'embeddings', 'https://api.baichuan-ai.com/v1/embeddings'],
  ['stepfun', undefined, chat, 'https://api.stepfun.com/v1/chat/completions'],
  ['stepfun', 'https://api.stepfun.ai/step_plan/v1', chat, 'https://api.stepfun.ai/step_plan/v1/chat/completions'],
  ['modelscope', undefined, chat, 'https://api-inference.modelscope.cn/v1/chat/completions'],
  ['mistral', undefined, 'audio/transcriptions', 'https://api.mistral.ai/v1/audio/transcriptions'],
  ['mistral', 'https://codestral.mistral.ai/v1', chat, 'https://codestral.mistral.ai/v1/chat/completions'],
  ['xai', undefined, 'images/generations', 'https://api.x.ai/v1/images/generations'],
  ['together', undefined, chat, 'https://api.together.ai/v1/chat/completions'],
  ['together', 'https://api.together.xyz', 'rerank', 'https://api.together.xyz/v1/rerank'],
  ['fireworks', undefined, chat, 'https://api.fireworks.ai/inference/v1/chat/completions'],
  ['nvidia', undefined, 'embeddings', 'https://integrate.api.nvidia.com/v1/embeddings'],
  ['cerebras', undefined, chat, 'https://api.cerebras.ai/v1/chat/completions'],
  ['sambanova', undefined, chat, 'https://api.sambanova.ai/v1/chat/completions'],
  ['deepinfra', undefined, chat, 'https://api.deepinfra.com/v1/openai/chat/completions'],
  ['deepinfra', 'https://api.deepinfra.com', chat, 'https://api.deepinfra.com/v1/openai/chat/completions'],
  ['huggingface', undefined, chat, 'https://router.huggingface.co/v1/chat/completions'],
  [
    'huggingface',
    'https://router.huggingface.co/hyperbolic/v1',
    chat,
    'https://router.huggingface.co/hyperbolic/v1/chat/completions',
  ],
  ['gitee', undefined, 'images/generations', 'https://api.moark.com/v1/images/generations'],
  ['ppio', undefined, chat, 'https://api.ppio.com/openai/v1/chat/completions'],
  ['ppio', 'https://api.ppinfra.com/v3/openai', chat, 'https://api.ppinfra.com/v3/openai/chat/completions'],
  ['novita', undefined, chat, 'https://api.novita.ai/openai/v1/chat/completions'],
  ['novita', 'https://api.novita.ai/v3/openai', chat, 'https://api.novita.ai/v3/openai/chat/completions'],
  ['novita', 'https://api.novita.ai/openai', chat, 'https://api.novita.ai/openai/v1/chat/completions'],
  ['hyperbolic', undefined, 'completions', 'https://api.hyperbolic.xyz/v1/completions'],
  ['zai', undefined, chat, 'https://api.z.ai/api/paas/v4/chat/completions'],
  ['zai', 'https://api.z.ai/api/coding/paas/v4', chat, 'https://api.z.ai/api/coding/paas/v4/chat/completions'],

  ['azure', azure, chat, `${azure}/openai/v1/chat/completions`],
  [
    'bedrock',
    undefined,
    'bedrock-converse',
    'https://bedrock-runtime.us-east-1.amazonaws.com/model/us.amazon.nova-2-lite-v1%3A0/converse',
    'us.amazon.nova-2-lite-v1:0',
  ],
  [
    'bedrock',
    'https://vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com/',
    'anthropic',
    'https://vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com/model/arn%3Aaws%3Abedrock%3A%3A%3Ainference-profile%2Feu.anthropic.claude-opus-5/invoke',
    'arn:aws:bedrock:::inference-profile/eu.anthropic.claude-opus-5',
  ],
  ['azure', `${azure}/openai/v1`, 'embeddings', `${azure}/openai/v1/embeddings`],
  ['azure', `${azure}/openai/v1?api-version=preview`, chat, `${azure}/openai/v1/chat/completions?api-version=preview`],
  ['azure', `${azure}?api-version=preview`, chat, `${azure}/openai/v1/chat/completions?api-version=preview`],
  [
    'azure',
    `${azure}/?api-version=2025-01-01-preview`,
    chat,
    `${azure}/openai/deployments/gpt-4o/chat/completions?api-version=2025-01-01-preview`,
    'gpt-4o',
  ],
  [
    'azure',
    `${azure}/openai/deployments`,
    chat,
    `${azure}/openai/deployments/a%2Fb/chat/completions${versionQuery}`,
    'a/b',
  ],
  [
    'azure',
    `${azure}/openai/deployments/mine`,
    chat,
    `${azure}/openai/deployments/mine/chat/completions${versionQuery}`,
  ],
  [
    'azure',
    `${azure}/openai/deployments/mine/chat/completions?x=1`,
    'embeddings',
    `${azure}/openai/deployments/mine/embeddings?x=1&api-version=2024-10-21`,
  ],
  ['azure', 'https://r.services.ai.azure.com', chat, 'https://r.services.ai.azure.com/openai/v1/chat/completions'],
  [
    'azure',
    'https://r.services.ai.azure.com/models',
    chat,
    'https://r.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview',
  ],
  [
    'azure',
    'https://front.example/team/openai/deployments/d',
    chat,
    `https://front.example/team/openai/deployments/d/chat/completions${versionQuery}`,
  ],
  ['gemini', undefined, 'gemini', `${google}/v1beta/models/some-model:generateContent`],
  ['gemini', google, 'gemini', `${google}/v1beta/models/some-model:generateContent`],
  ['gemini', `${google}/v1`, 'gemini', `${google}/v1/models/some-model:generateContent`],
  ['gemini', `${google}/v1beta/models`, 'gemini', `${google}/v1beta/models/some-model:generateContent`],
  [
    'gemini',
    `${google}/v1beta/models/x:generateContent`,
    'gemini',
    `${google}/v1beta/models/some-model:generateContent`,
  ],
  ['gemini', `${google}/v1beta/openai`, 'gemini', `${google}/v1beta/models/some-model:generateContent`],
  [
    'gemini',
    `${google}/v1beta/openai/chat/completions`,
    'gemini',
    `${google}/v1beta/models/some-model:generateContent`,
  ],
  [
    'gemini',
    'https://h.example/google?a=b',
    'gemini',
    'https://h.example/google/models/m%2Fn:generateContent?a=b',
    'm/n',
  ],
  ['gemini', undefined, 'gemini/batchEmbedContents', `${google}/v1beta/models/some-model:batchEmbedContents`],
  ['gemini', undefined, 'gemini/embedContent', `${google}/v1beta/models/some-model:embedContent`],
  ['cohere', undefined, chat, 'https://api.cohere.com/compatibility/v1/chat/completions'],
  ['cohere', undefined, 'cohere/embed', 'https://api.cohere.com/v2/embed'],
  ['cohere', 'https://api.cohere.ai/compatibility/v1', 'cohere/rerank', 'https://api.cohere.ai/v2/rerank'],
  ['cohere', 'https://h.example/relay/v2', 'cohere/embed', 'https://h.example/relay/v2/embed'],
  ['openai', 'https://api.cohere.ai/compatibility/v1', 'cohere/embed', 'https://api.cohere.ai/v2/embed'],
  ['perplexity', undefined, 'openai-responses', 'https://api.perplexity.ai/v1/responses'],
  ['jina', undefined, 'embeddings', 'https://api.jina.ai/v1/embeddings'],
  ['jina', undefined, 'rerank', 'https://api.jina.ai/v1/rerank'],
  [
    'dashscope',
    'https://dashscope.aliyuncs.com/api/v1',
    'dashscope/embeddings',
    'https://dashscope.aliyuncs.com/api/v1/services/embeddings/text-embedding/text-embedding',
    'text-embedding-v4',
  ],
  [
    'dashscope',
    undefined,
    'dashscope/rerank',
    'https://dashscope.aliyuncs.com/api/v1/services/rerank/text-rerank/text-rerank',
    'gte-rerank-v2',
  ],
  ['ollama', 'http://localhost:11434/api', 'ollama/embed', 'http://localhost:11434/api/embed', 'nomic-embed-text'],
  ['gemini', undefined, 'gemini', `${google}/v1beta/tunedModels/mine:generateContent`, 'tunedModels/mine'],
]

describe('URLs of targets', () => {
  for (const [type, serverUrl, protocol, url, model] of rows)
    test(`${type} ${serverUrl ?? 'default'} ${protocol}${model ? ` ${model}` : ''}`, () => {
      const entry = entryOf(type, { serverUrl, models: [model ?? 'some-model'] })
      expect(urlOf(targetOf(entry, model), protocol)).toBe(url)
    })

  test("an entry can name a vendor's native protocol by OpenAI's path", () => {
    const cohere = targetOf(entryOf('cohere', { supportedProtocols: ['rerank', 'embeddings'] }))
    expect([chooseProtocol(cohere, 'rerank'), chooseProtocol(cohere, 'embeddings')]).toEqual([
      'cohere/rerank',
      'cohere/embed',
    ])
    expect(supportsProtocol(cohere.entry, 'gemini/embedContent')).toBe(true)
    const relay = entryOf('dashscope', { serverUrl: 'https://h.example/v1', supportedProtocols: ['rerank'] })
    const rerankTarget = targetOf(relay, 'gte-rerank-v2')
    expect(urlOf(rerankTarget, chooseProtocol(rerankTarget, 'rerank'))).toBe('https://h.example/v1/rerank')
    expect(supportsProtocol(relay, 'embeddings')).toBe(false)
  })

  test('a custom path is next to the first protocol', () => {
    for (const [type, serverUrl, url] of [
      ['minimax', undefined, 'https://api.minimaxi.com/v1/my/custom'],
      ['minimax', 'https://api.minimax.io', 'https://api.minimax.io/v1/my/custom'],
      ['openai', 'https://h.example/api/v3/chat/completions?v=1', 'https://h.example/api/v3/my/custom?v=1'],
      ['zhipu', 'https://h.example', 'https://h.example/v1/my/custom'],
      ['zhipu', undefined, 'https://open.bigmodel.cn/api/paas/v4/my/custom'],
    ] as const)
      expect(urlOf(targetOf(entryOf(type, { serverUrl, supportedProtocols: ['my/custom'] })), 'my/custom')).toBe(url)
  })

  test('an entry can name a protocol by its path', () => {
    const entry = entryOf('openai', {
      serverUrl: 'https://h.example/v1',
      supportedProtocols: ['messages', 'responses'],
    })
    expect(['anthropic', 'openai-responses', 'messages'].map(id => isNative({ entry, model: 'm' }, id))).toEqual([
      true,
      true,
      false,
    ])
  })

  test('native URLs are supported for embeddings and rerank, but not for chat', () => {
    const supportsEmbeddings = (type: string, serverUrl: string, model: string) =>
      supportsProtocol(entryOf(type, { serverUrl, models: [model] }), 'embeddings')
    expect(supportsEmbeddings('ollama', 'http://localhost:11434/api', 'nomic-embed-text')).toBe(true)
    expect(supportsEmbeddings('ollama', 'http://localhost:11434/api', 'qwen3')).toBe(false)
    expect(supportsEmbeddings('dashscope', 'https://dashscope.aliyuncs.com/api/v1', 'text-embedding-v4')).toBe(true)
    expect(supportsEmbeddings('dashscope', 'https://dashscope.aliyuncs.com/api/v1', 'qwen-plus')).toBe(false)
  })

  test('the table has a row for each provider', () => {
    const testedTypes = new Set(rows.map(([type]) => type))
    expect([...providers.keys()].filter(type => !testedTypes.has(type) && type !== 'mock')).toEqual([])
  })

  test('models of several vendors in one openai entry go to their own vendors', () => {
    const entry = entryOf('openai', { models: ['glm-4', 'gpt-4o', '*'] })
    const url = (model: string) => urlOf(targetOf(entry, model), chat)
    expect(url('glm-4')).toStartWith('https://open.bigmodel.cn/')
    expect(url('gpt-4o')).toStartWith('https://api.openai.com/')
    expect(url('deepseek-chat')).toStartWith('https://api.deepseek.com/')
  })

  test('a repeated URL is looked up in less than a fifth of the time of a new one', () => {
    const entry = entryOf('openai', { serverUrl: 'https://h.example/v1' })
    const timeOf = (targets: readonly ReturnType<typeof targetOf>[]) => {
      const elapsed = stopwatch()
      for (const target of targets) urlOf(target, chat)
      return elapsed()
    }
    const newTargets = () =>
      Array.from({ length: 200 }, () => targetOf(entryOf('openai', { serverUrl: 'https://h.example/v1' })))
    const known = targetOf(entry)
    const rounds = Array.from({ length: 3 }, () => timeOf(Array(200).fill(known)) / timeOf(newTargets()))
    expect(Math.min(...rounds)).toBeLessThan(0.2)
  })
})

/** Vendor name in the recordings → our service type. */
const recordedTypes: Record<string, string> = {
  alibaba: 'dashscope',
  zhipu: 'zhipu',
  groq: 'groq',
  moonshot: 'moonshot',
  siliconflow: 'siliconflow',
  deepseek: 'deepseek',
  openrouter: 'openrouter',
  openai: 'openai',
  azure: 'azure',
  vllm: 'vllm',
  ollama: 'ollama',
  cloudflare: 'cloudflare',
  volcengine: 'huoshan',
  hunyuan: 'hunyuan',
  spark: 'xinghuo',
  minimax: 'minimax',
  mistral: 'mistral',
  xai: 'xai',
  together: 'together',
  fireworks: 'fireworks',
  cerebras: 'cerebras',
  huggingface: 'huggingface',
}
const endpointPatterns: [RegExp, string][] = [
  [/\/chat\/completions$/, chat],
  [/(compatible-mode|deployments\/[^/]+|v1|v4)\/embeddings$/, 'embeddings'],
  [/\/audio\/transcriptions$/, 'audio/transcriptions'],
]
/** The recorded URLs that somebody could call, each with its service type and protocol. */
const recordedUrls = Object.entries(recordedTypes).flatMap(([provider, type]) =>
  recordingsOf(provider).flatMap(recording => {
    const raw = recording.url.replace(/#.*|\?$/, '')
    if (!/^https?:/.test(raw)) return []
    const url = new URL(raw.replace('com//', 'com/')).href
    const protocol = endpointPatterns.find(([pattern]) => pattern.test(new URL(url).pathname))?.[1]
    // A recording without the api-version, or with Azure's host but no path, is not a URL that anybody could call.
    const isIncomplete = provider === 'azure' && (!url.includes('api-version=') || !/deployments|models/.test(url))
    return protocol === undefined || isIncomplete ? [] : [{ type, url, protocol }]
  }),
)

recordedTest(recordedUrls, 'a URL recorded from a vendor, used as server_url, is the URL that is called', () => {
  expect(new Set(recordedUrls.map(({ type }) => type)).size).toBeGreaterThan(12)
  for (const { type: vendorType, url, protocol } of recordedUrls)
    for (const type of [vendorType, 'openai']) {
      const entry = entryOf(type, { serverUrl: url })
      if (type === 'openai' && !supportsProtocol(entry, protocol)) continue
      expect([type, urlOf(targetOf(entry), protocol)]).toEqual([type, url])
    }
})

test('a Gemini stream has a URL of its own', () => {
  const stream = { stream: true }
  const streamUrl = (serverUrl?: string) => urlOf(targetOf(entryOf('gemini', { serverUrl })), 'gemini', stream)
  expect(streamUrl()).toBe(`${google}/v1beta/models/some-model:streamGenerateContent?alt=sse`)
  expect(streamUrl('https://h.example/v1?a=b')).toMatch(/:streamGenerateContent\?(?:a=b&alt=sse|alt=sse&a=b)$/)
})

test('a model name that would lead to another URL is refused', () => {
  const entry = entryOf('azure', { serverUrl: `${azure}/openai/deployments` })
  for (const model of ['.', '..', 'a\ud800'])
    expect(() => urlOf(targetOf(entry, model), chat)).toThrow('does not exist')
  expect(urlOf(targetOf(entry, 'a/../b?c#d'), chat)).toBe(
    `${azure}/openai/deployments/a%2F..%2Fb%3Fc%23d/chat/completions${versionQuery}`,
  )
})
