/** Service types that are known and not spoken yet, each with a sentence that helps. Addresses as the vendors' documentation gives them, 2026-11. */

const compatible = (address: string, more = ''): string =>
  `not spoken yet; its OpenAI-compatible address works as a service of type openai: server_url ${address}${more}`

const alone = (word: string): string => `not spoken yet; ${word}`

/** Service type → what to write instead. */
export const unbuilt: ReadonlyMap<string, string> = new Map([
  ['agentbuilder', alone('it has no OpenAI-compatible address')],
  ['baichuan', compatible('https://api.baichuan-ai.com/v1')],
  ['bailian', alone('it has no OpenAI-compatible address for agents; its models work as a service of type dashscope')],
  ['bedrock', compatible('https://bedrock-runtime.<region>.amazonaws.com/openai/v1', ' with a Bedrock API key')],
  ['cerebras', compatible('https://api.cerebras.ai/v1')],
  ['claude', compatible('https://api.anthropic.com/v1')],
  ['cloudflare', compatible('https://api.cloudflare.com/client/v4/accounts/<account id>/ai/v1')],
  ['cohere', compatible('https://api.cohere.ai/compatibility/v1')],
  ['cozecn', alone('it has no OpenAI-compatible address')],
  ['cozecom', alone('it has no OpenAI-compatible address')],
  ['deepinfra', compatible('https://api.deepinfra.com/v1/openai')],
  ['dify', alone('it has no OpenAI-compatible address')],
  ['fireworks', compatible('https://api.fireworks.ai/inference/v1')],
  ['gemini', compatible('https://generativelanguage.googleapis.com/v1beta/openai')],
  ['gitee', compatible('https://ai.gitee.com/v1')],
  ['github', compatible('https://models.github.ai/inference')],
  ['huggingface', compatible('https://router.huggingface.co/v1')],
  [
    'hunyuan',
    compatible(
      'https://api.hunyuan.cloud.tencent.com/v1',
      ' with the API key of its console, not secret_id and secret_key',
    ),
  ],
  ['huoshan', compatible('https://ark.cn-beijing.volces.com/api/v3', ' with an API key')],
  ['hyperbolic', compatible('https://api.hyperbolic.xyz/v1')],
  ['lingyiwanwu', compatible('https://api.lingyiwanwu.com/v1')],
  ['llama_family', compatible('https://api.atomecho.cn/v1')],
  ['llamafamily', compatible('https://api.atomecho.cn/v1')],
  ['minimax', compatible('https://api.minimaxi.com/v1')],
  ['mistral', compatible('https://api.mistral.ai/v1')],
  ['modelscope', compatible('https://api-inference.modelscope.cn/v1')],
  ['novita', compatible('https://api.novita.ai/openai/v1')],
  ['nvidia', compatible('https://integrate.api.nvidia.com/v1')],
  ['perplexity', compatible('https://api.perplexity.ai/chat/completions')],
  ['ppio', compatible('https://api.ppio.com/openai/v1')],
  [
    'qianfan',
    compatible('https://qianfan.baidubce.com/v2', ' with an API key of the v2 console, not api_key and secret_key'),
  ],
  ['sambanova', compatible('https://api.sambanova.ai/v1')],
  ['stepfun', compatible('https://api.stepfun.com/v1')],
  ['together', compatible('https://api.together.xyz/v1')],
  ['vertexai', alone('its OpenAI-compatible address takes only access tokens that expire within the hour')],
  ['xai', compatible('https://api.x.ai/v1')],
  ['xinghuo', compatible('https://spark-api-open.xf-yun.com/v1', ' with the APIPassword of its console as api_key')],
  ['zai', alone('works as a service of type zhipu: server_url https://api.z.ai/api/paas/v4')],
])
