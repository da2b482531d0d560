import type { JsonObject } from '../../base/json/json.ts'
import type { NoteLoss } from '../../protocols/protocol.ts'
import { provider } from '../provider.ts'
import { developerToSystem, messagesOf, omit, omitCacheControl, renameToMaxTokens } from '../quirks.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

const refusedFields = ['logit_bias', 'user', 'store', 'service_tier', 'prompt_cache_key', 'verbosity']
const refusedMessageFields = ['reasoning_content', 'reasoning', 'refusal', 'audio', 'annotations', 'function_call']

const omitRefusedFields = (body: JsonObject, noteLoss: NoteLoss): void => {
  for (const field of refusedFields) omit(body, field, noteLoss)
  for (const [index, message] of messagesOf(body).entries()) {
    const roleFields = message['role'] === 'tool' ? [] : ['name']
    for (const field of [...refusedMessageFields, ...roleFields])
      omit(message, field, noteLoss, `messages[${index}].${field}`)
  }
}

/**
 * Every field that is not in the schema gets 422 "Extra inputs are not permitted": max_completion_tokens
 * (github.com/editor-code-assistant/eca issue 231, 2025-12), reasoning_content in a response that is sent back
 * (github.com/charmbracelet/crush issue 1590), an additional field in a message (github.com/BerriAI/litellm issue
 * 30882, 2026-06). Usage comes with the finish reason, even if it is not requested (recorded).
 */
export default provider({
  id: 'mistral',
  title: 'Mistral AI',
  docs: 'https://docs.mistral.ai/api',
  checked: '2026-11',
  quirks: [
    '`max_completion_tokens` is sent as `max_tokens`',
    '`seed` is sent as `random_seed`',
    'the role `developer` is sent as `system`',
    'fields it refuses are removed (`logit_bias`, `user`, `store` …; from messages `name`, `reasoning_content` …)',
    '`top_k` and `cache_control` from other protocols are removed',
    'usage is not requested in streams, because Mistral always sends it',
  ],
  base: 'https://api.mistral.ai/v1',
  hosts: ['codestral.mistral.ai'],
  paths: openaiPaths('embeddings', 'moderations', 'audio/transcriptions', 'audio/speech'),
  sign: bearer,
  credentials: ['api_key'],
  /** Recorded. 1300 does not tell the second from the month. */
  failureCodes: {
    1300: 'minute',
    3505: 'overload',
  },
  models: ['mistral-large-latest', 'mistral-small-latest', 'codestral-latest'],
  refusesUsage: true,
  trimTranslated: {
    'openai-chat': (body, noteLoss) => {
      omit(body, 'top_k', noteLoss)
      omitCacheControl(body, noteLoss)
    },
  },
  patchRequest: {
    'openai-chat': (body, noteLoss) => {
      developerToSystem(body)
      renameToMaxTokens(body)
      if (body['seed'] != null) body['random_seed'] ??= body['seed']
      delete body['seed']
      omitRefusedFields(body, noteLoss)
    },
  },
})
