import { provider } from '../provider.ts'
import { developerToSystem, dropZeroPenalties, omit, omitReasoning, penalties } from '../quirks.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

const refusedFields = [...penalties, 'logit_bias', 'service_tier', 'prompt_cache_key']

/**
 * Penalties, logit_bias and service_tier got 400 in 2025 (hexdocs.pm/req_llm, "Cerebras"). Whether all of them still do
 * could not be confirmed. `reasoning_content` gets "property 'messages.2.assistant.reasoning_content' is unsupported"
 * (github.com/Kilo-Org/kilocode issue 10375, 2026-05). Only gpt-oss-120b knows the role `developer`, with the same
 * meaning as `system` (inference-docs.cerebras.ai/resources/openai).
 */
export default provider({
  id: 'cerebras',
  title: 'Cerebras',
  docs: 'https://inference-docs.cerebras.ai/resources/openai',
  checked: '2026-11',
  quirks: [
    '`presence_penalty`, `frequency_penalty`, `logit_bias`, `service_tier` and `prompt_cache_key` are removed',
    '`reasoning_content` is removed from messages',
    'the role `developer` is sent as `system`',
  ],
  base: 'https://api.cerebras.ai/v1',
  paths: openaiPaths('completions'),
  sign: bearer,
  credentials: ['api_key'],
  models: ['gpt-oss-120b'],
  patchRequest: {
    'openai-chat': (body, noteLoss) => {
      developerToSystem(body)
      dropZeroPenalties(body)
      omitReasoning(body, noteLoss)
      for (const field of refusedFields) omit(body, field, noteLoss)
    },
  },
})
