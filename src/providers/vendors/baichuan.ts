import { provider } from '../provider.ts'
import { clamp, developerToSystem, renameToMaxTokens } from '../quirks.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * Model names are those that other clients list (2026-11). The temperature range of 0 to 1 is the one these clients
 * use; the vendor's documentation could not be read.
 */
export default provider({
  id: 'baichuan',
  title: 'Baichuan',
  docs: 'https://platform.baichuan-ai.com/docs/api',
  checked: '2026-11',
  quirks: [
    '`temperature` is limited to 0 to 1',
    '`max_completion_tokens` is sent as `max_tokens`',
    'the role `developer` is sent as `system`',
  ],
  base: 'https://api.baichuan-ai.com/v1',
  paths: openaiPaths('embeddings'),
  sign: bearer,
  credentials: ['api_key'],
  models: ['Baichuan4-Turbo', 'Baichuan4-Air', 'Baichuan3-Turbo'],
  patchRequest: {
    'openai-chat': (body, noteLoss) => {
      developerToSystem(body)
      renameToMaxTokens(body)
      clamp(body, 'temperature', [0, 1], noteLoss)
    },
  },
})
