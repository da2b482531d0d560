/** Every provider, one line each; a new vendor is a file beside this one and a line here. */
import aliyun from './aliyun.ts'
import azure from './azure.ts'
import baichuan from './baichuan.ts'
import bedrock from './bedrock.ts'
import cerebras from './cerebras.ts'
import claude from './claude.ts'
import cloudflare from './cloudflare.ts'
import cohere from './cohere.ts'
import dashscope from './dashscope.ts'
import deepinfra from './deepinfra.ts'
import deepseek from './deepseek.ts'
import fireworks from './fireworks.ts'
import gemini from './gemini.ts'
import gitee from './gitee.ts'
import groq from './groq.ts'
import huggingface from './huggingface.ts'
import hunyuan from './hunyuan.ts'
import huoshan from './huoshan.ts'
import hyperbolic from './hyperbolic.ts'
import jina from './jina.ts'
import lingyiwanwu from './lingyiwanwu.ts'
import llamaFamily from './llama_family.ts'
import lmstudio from './lmstudio.ts'
import minimax from './minimax.ts'
import mistral from './mistral.ts'
import mock from './mock.ts'
import modelscope from './modelscope.ts'
import moonshot from './moonshot.ts'
import novita from './novita.ts'
import nvidia from './nvidia.ts'
import ollama from './ollama.ts'
import openai from './openai.ts'
import openrouter from './openrouter.ts'
import perplexity from './perplexity.ts'
import ppio from './ppio.ts'
import type { Provider } from './provider.ts'
import qianfan from './qianfan.ts'
import sambanova from './sambanova.ts'
import siliconflow from './siliconflow.ts'
import stepfun from './stepfun.ts'
import together from './together.ts'
import vertexai from './vertexai.ts'
import vllm from './vllm.ts'
import xai from './xai.ts'
import xinghuo from './xinghuo.ts'
import zai from './zai.ts'
import zhipu from './zhipu.ts'

export { unbuilt } from './unbuilt.ts'

/** Service type → provider, in the order of the alphabet. */
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
  ].map(one => [one.id, one]),
)
