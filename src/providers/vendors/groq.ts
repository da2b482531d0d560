import { provider } from '../provider.ts'
import { messagesOf, omit, omitCacheMarks, omitThoughts } from '../quirks.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

const refused = ['logprobs', 'top_logprobs', 'logit_bias']

/**
 * It refuses every field it does not know: "property 'reasoning_content' is unsupported" (github.com/janhq/jan issue 8136, 2026-05).
 * console.groq.com/docs/openai: logprobs, top_logprobs, logit_bias, a message's name and n above 1 get 400. The Llama models ended on
 * 2026-08-16 (console.groq.com/docs/deprecations, 2026-08); these two are what its list calls production.
 */
export default provider({
  id: 'groq',
  title: 'Groq',
  docs: 'https://console.groq.com/docs/openai',
  checked: '2026-11',
  quirks: [
    '`logprobs`, `top_logprobs`, `logit_bias` and of messages `name` and `reasoning_content` are left out',
    '`n` is always 1',
    '`top_k` and `cache_control` of another protocol are left out',
  ],
  base: 'https://api.groq.com/openai/v1',
  paths: openaiPaths('audio/speech', 'audio/transcriptions', 'audio/translations'),
  sign: bearer,
  credentials: ['api_key'],
  models: ['openai/gpt-oss-120b', 'openai/gpt-oss-20b'],
  trimTranslated: {
    'openai-chat': (body, loss) => {
      omit(body, 'top_k', loss)
      omitCacheMarks(body, loss)
    },
  },
  patchRequest: {
    'openai-chat': (body, loss) => {
      omitThoughts(body, loss)
      for (const field of refused) omit(body, field, loss)
      if (typeof body['n'] === 'number' && body['n'] > 1) omit(body, 'n', loss)
      for (const [at, message] of messagesOf(body).entries()) omit(message, 'name', loss, `messages[${at}].name`)
    },
  },
})
