import { provider } from '../provider.ts'
import { dropZeroPenalties, omit, penalties } from '../quirks.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * Every current Grok model answers 400 to presence_penalty and frequency_penalty, even 0
 * (github.com/miaoxworld/NativeTavern issue 83, 2026-09). Reasoning models refuse `stop`, too (docs.x.ai). In the
 * recordings reasoning tokens are not part of completion_tokens, but of the total. xAI recommends Responses, which is
 * also the only protocol with encrypted reasoning (docs.x.ai/developers/model-capabilities/text/comparison, 2026-11).
 */
export default provider({
  id: 'xai',
  title: 'xAI (Grok)',
  docs: 'https://docs.x.ai/docs/api-reference',
  checked: '2026-11',
  quirks: [
    '`presence_penalty` and `frequency_penalty` are removed',
    '`stop` is removed, except for models named `…-non-reasoning`',
  ],
  base: 'https://api.x.ai/v1',
  hosts: ['us.api.x.ai'],
  paths: openaiPaths('images/generations', 'openai-responses'),
  sign: bearer,
  credentials: ['api_key'],
  models: ['grok-4.6', 'grok-4.5'],
  patchRequest: {
    'openai-chat': (body, noteLoss, { model }) => {
      dropZeroPenalties(body)
      for (const field of penalties) omit(body, field, noteLoss)
      if (!model.includes('non-reasoning')) omit(body, 'stop', noteLoss)
    },
  },
})
