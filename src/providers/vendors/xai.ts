import { provider } from '../provider.ts'
import { dropZeroPenalties, omit, penalties } from '../quirks.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * Every Grok of today refuses presence_penalty and frequency_penalty, 0 included, with 400 (github.com/miaoxworld/NativeTavern issue 83,
 * 2026-09); those that reason refuse `stop` too (docs.x.ai). The recordings count reasoning beside completion_tokens, in the total only.
 * Responses is the wire xAI itself advises, and the only one with encrypted thoughts (docs.x.ai/developers/model-capabilities/text/comparison, 2026-11).
 */
export default provider({
  id: 'xai',
  title: 'xAI (Grok)',
  docs: 'https://docs.x.ai/docs/api-reference',
  checked: '2026-11',
  quirks: [
    '`presence_penalty` and `frequency_penalty` are left out',
    '`stop` is left out but for models named `…-non-reasoning`',
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
