/** The provider registry. A new vendor is a file in `vendors/` and a line here. */

import type { Provider } from './provider.ts'
import aliyun from './vendors/aliyun.ts'
import azure from './vendors/azure.ts'
import baichuan from './vendors/baichuan.ts'
import bedrock from './vendors/bedrock.ts'
import cerebras from './vendors/cerebras.ts'
import claude from './vendors/claude.ts'
import cloudflare from './vendors/cloudflare.ts'
import cohere from './vendors/cohere.ts'
import dashscope from './vendors/dashscope.ts'
import deepinfra from './vendors/deepinfra.ts'
import deepseek from './vendors/deepseek.ts'
import fireworks from './vendors/fireworks.ts'
import gemini from './vendors/gemini.ts'
import gitee from './vendors/gitee.ts'
import groq from './vendors/groq.ts'
import huggingface from './vendors/huggingface.ts'
import hunyuan from './vendors/hunyuan.ts'
import huoshan from './vendors/huoshan.ts'
import hyperbolic from './vendors/hyperbolic.ts'
import jina from './vendors/jina.ts'
import lingyiwanwu from './vendors/lingyiwanwu.ts'
import llamaFamily from './vendors/llama_family.ts'
import lmstudio from './vendors/lmstudio.ts'
import minimax from './vendors/minimax.ts'
import mistral from './vendors/mistral.ts'
import mock from './vendors/mock.ts'
import modelscope from './vendors/modelscope.ts'
import moonshot from './vendors/moonshot.ts'
import novita from './vendors/novita.ts'
import nvidia from './vendors/nvidia.ts'
import ollama from './vendors/ollama.ts'
import openai from './vendors/openai.ts'
import openrouter from './vendors/openrouter.ts'
import perplexity from './vendors/perplexity.ts'
import ppio from './vendors/ppio.ts'
import qianfan from './vendors/qianfan.ts'
import sambanova from './vendors/sambanova.ts'
import siliconflow from './vendors/siliconflow.ts'
import stepfun from './vendors/stepfun.ts'
import together from './vendors/together.ts'
import vertexai from './vendors/vertexai.ts'
import vllm from './vendors/vllm.ts'
import xai from './vendors/xai.ts'
import xinghuo from './vendors/xinghuo.ts'
import zai from './vendors/zai.ts'
import zhipu from './vendors/zhipu.ts'

export { unsupported } from './unsupported.ts'

/** Service type → provider, in alphabetical order. */
export const providers: ReadonlyMap<string, Provider> = new Map(
  [
    aliyun,
    azure,
    baichuan,
    bedrock,
    cerebras,
    claude,
    cloudflare,
    cohere,
    dashscope,
    deepinfra,
    deepseek,
    fireworks,
    gemini,
    gitee,
    groq,
    huggingface,
    hunyuan,
    huoshan,
    hyperbolic,
    jina,
    lingyiwanwu,
    llamaFamily,
    lmstudio,
    minimax,
    mistral,
    mock,
    modelscope,
    moonshot,
    novita,
    nvidia,
    ollama,
    openai,
    openrouter,
    perplexity,
    ppio,
    qianfan,
    sambanova,
    siliconflow,
    stepfun,
    together,
    vertexai,
    vllm,
    xai,
    xinghuo,
    zai,
    zhipu,
  ].map(provider => [provider.id, provider]),
)
