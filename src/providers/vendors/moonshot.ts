import { isObject, type JsonObject } from '../../base/json/json.ts'
import type { NoteLoss } from '../../protocols/protocol.ts'
import { provider } from '../provider.ts'
import { clamp, dropZeroPenalties, omit, penalties } from '../quirks.ts'
import { openaiPaths, withPathPrefix } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/** Moves the usage of a stream from the first choice of the last chunk to the top level. */
const liftUsage = (body: JsonObject): void => {
  const [choice] = Array.isArray(body['choices']) ? body['choices'] : []
  if (!isObject(choice) || !isObject(choice['usage'])) return
  body['usage'] ??= choice['usage']
  delete choice['usage']
}

/**
 * Parameters with a fixed value in Kimi models. Another value gets 400, and the fixed value depends on the thinking
 * mode (1, or 0.6 without thinking), so these parameters are never sent (platform.kimi.ai/docs/api/models-overview,
 * 2026-09).
 */
const fixedFields = ['temperature', 'top_p', 'n', ...penalties]

const omitFixedFields = (body: JsonObject, noteLoss: NoteLoss): void => {
  dropZeroPenalties(body)
  for (const field of ['temperature', 'n']) if (body[field] === 1) delete body[field]
  for (const field of fixedFields) omit(body, field, noteLoss)
}

/**
 * Temperature 0 to 1 (platform.moonshot.cn, "migrating from OpenAI"). Model names are from platform.kimi.ai/docs/models
 * (2026-09). The moonshot-v1 models and kimi-k2.5 were retired on 2026-08-31. There are two platforms with separate
 * keys: api.moonshot.cn and api.moonshot.ai.
 */
export default provider({
  id: 'moonshot',
  title: 'Moonshot AI (Kimi)',
  docs: 'https://platform.moonshot.cn/docs',
  checked: '2026-11',
  quirks: [
    'for Kimi models, `temperature`, `top_p`, the penalties and `n` are removed, because their values are fixed',
    'for other models, `temperature` is limited to 0 to 1',
    'usage inside a choice is moved to the top level',
    'if the client drops the thoughts before a tool call, they are restored',
  ],
  base: 'https://api.moonshot.cn',
  hosts: ['api.moonshot.ai'],
  paths: { ...withPathPrefix('/v1', openaiPaths()), anthropic: '/anthropic/v1/messages' },
  sign: bearer,
  requiresReasoning: true,
  credentials: ['api_key'],
  /** platform.moonshot.cn/docs/api/errors */
  failureCodes: {
    exceeded_current_quota_error: 'balance',
    engine_overloaded_error: 'overload',
    resource_not_found_error: 'model_gone',
    content_filter: 'moderation',
  },
  models: ['kimi-k3', 'kimi-k2.6'],
  patchRequest: {
    'openai-chat': (body, noteLoss, { model }) => {
      if (model.toLowerCase().startsWith('kimi-')) omitFixedFields(body, noteLoss)
      else clamp(body, 'temperature', [0, 1], noteLoss)
    },
  },
  patchResponse: { 'openai-chat': liftUsage },
})
