import { spoken } from './place.ts'
import { provider } from './provider.ts'
import { messagesOf, omit } from './quirks.ts'
import { bearer } from './sign/bearer.ts'

const refused = ['logprobs', 'top_logprobs', 'logit_bias']

/** console.groq.com/docs/openai: logprobs, top_logprobs, logit_bias, a message's name and n above 1 get 400. */
export default provider({
  id: 'groq',
  title: 'Groq',
  docs: 'https://console.groq.com/docs/openai',
  checked: '2026-11',
  quirks: ['`logprobs`, `top_logprobs`, `logit_bias` and the `name` of a message are left out', '`n` is always 1'],
  base: 'https://api.groq.com/openai/v1',
  speaks: spoken('audio/speech', 'audio/transcriptions', 'audio/translations'),
  sign: bearer,
  credentials: ['api_key'],
  models: ['llama3-70b-8192', 'llama3-8b-8192', 'gemma-7b-it', 'mixtral-8x7b-32768'],
  adjust: {
    'openai-chat': (body, loss) => {
      for (const field of refused) omit(body, field, loss)
      if (typeof body['n'] === 'number' && body['n'] > 1) omit(body, 'n', loss)
      for (const [at, message] of messagesOf(body).entries()) omit(message, 'name', loss, `messages[${at}].name`)
    },
  },
})
