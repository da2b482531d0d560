import { provider } from '../provider.ts'
import { messagesOf, omit, omitCacheControl, omitReasoning } from '../quirks.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

const refusedFields = ['logprobs', 'top_logprobs', 'logit_bias']

/**
 * Every unknown field is refused: "property 'reasoning_content' is unsupported" (github.com/janhq/jan issue 8136,
 * 2026-05). logprobs, top_logprobs, logit_bias, a message's name and n above 1 get 400 (console.groq.com/docs/openai).
 * The Llama models were retired on 2026-08-16 (console.groq.com/docs/deprecations, 2026-08). The two models here are
 * the production models of its list.
 */
export default provider({
  id: 'groq',
  title: 'Groq',
  docs: 'https://console.groq.com/docs/openai',
  checked: '2026-11',
  quirks: [
    '`logprobs`, `top_logprobs` and `logit_bias` are removed, and `name` and `reasoning_content` from messages',
    '`n` above 1 is removed',
    '`top_k` and `cache_control` from other protocols are removed',
  ],
  base: 'https://api.groq.com/openai/v1',
  paths: openaiPaths('audio/speech', 'audio/transcriptions', 'audio/translations'),
  sign: bearer,
  credentials: ['api_key'],
  /** console.groq.com/docs/errors: the model wrote a broken tool call */
  failureCodes: {
    tool_use_failed: 'broken',
  },
  models: ['openai/gpt-oss-120b', 'openai/gpt-oss-20b'],
  trimTranslated: {
    'openai-chat': (body, noteLoss) => {
      omit(body, 'top_k', noteLoss)
      omitCacheControl(body, noteLoss)
    },
  },
  patchRequest: {
    'openai-chat': (body, noteLoss) => {
      omitReasoning(body, noteLoss)
      for (const field of refusedFields) omit(body, field, noteLoss)
      if (typeof body['n'] === 'number' && body['n'] > 1) omit(body, 'n', noteLoss)
      for (const [index, message] of messagesOf(body).entries())
        omit(message, 'name', noteLoss, `messages[${index}].name`)
    },
  },
})
