/** Every provider, one line each; a new vendor is a file beside this one and a line here. */
import aliyun from './aliyun.ts'
import azure from './azure.ts'
import dashscope from './dashscope.ts'
import deepseek from './deepseek.ts'
import groq from './groq.ts'
import lmstudio from './lmstudio.ts'
import mock from './mock.ts'
import moonshot from './moonshot.ts'
import ollama from './ollama.ts'
import openai from './openai.ts'
import openrouter from './openrouter.ts'
import type { Provider } from './provider.ts'
import siliconflow from './siliconflow.ts'
import vllm from './vllm.ts'
import zhipu from './zhipu.ts'

export { unbuilt } from './unbuilt.ts'

/** Service type → provider, in the order of the alphabet. */
export const providers: ReadonlyMap<string, Provider> = new Map(
  [
    aliyun,
    azure,
    dashscope,
    deepseek,
    groq,
    lmstudio,
    mock,
    moonshot,
    ollama,
    openai,
    openrouter,
    siliconflow,
    vllm,
    zhipu,
  ].map(one => [one.id, one]),
)
