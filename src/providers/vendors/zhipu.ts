import { isObject, type JsonObject } from '../../base/json/json.ts'
import { provider } from '../provider.ts'
import { clamp, developerToSystem, messagesOf, renameToMaxTokens } from '../quirks.ts'
import { openaiPaths, withPathPrefix } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/** The older vision models (glm-4v, glm-4v-plus …) take images as plain base64, without `data:image/…;base64,`. */
const stripDataUrlPrefix = (body: JsonObject): void => {
  for (const { content } of messagesOf(body))
    for (const part of Array.isArray(content) ? content : []) {
      const image = isObject(part) ? part['image_url'] : undefined
      if (!isObject(image) || typeof image['url'] !== 'string') continue
      image['url'] = image['url'].replace(/^data:[^,]*;base64,/, '')
    }
}

/**
 * Temperature 0 to 1, top_p above 0 to 1, the roles system, user, assistant and tool, and `max_tokens` as the only
 * limit (docs.bigmodel.cn and docs.z.ai, "chat completion"). The flash models of 4.7 and 4 are free (docs.bigmodel.cn,
 * model overview, 2026), which no longer lists glm-3-turbo, glm-4-0520, glm-4v and similar models.
 */
export default provider({
  id: 'zhipu',
  title: 'Zhipu BigModel',
  docs: 'https://docs.bigmodel.cn',
  checked: '2026-11',
  quirks: [
    'the role `developer` is sent as `system`',
    '`max_completion_tokens` is sent as `max_tokens`',
    '`temperature` is limited to 0 to 1',
    '`top_p` is limited to 0.01 to 1',
    'GLM-4V gets images as plain base64',
  ],
  base: 'https://open.bigmodel.cn/api',
  hosts: ['api.z.ai'],
  paths: {
    ...withPathPrefix(
      '/paas/v4',
      openaiPaths('embeddings', 'images/generations', 'audio/speech', 'audio/transcriptions', 'moderations', 'rerank'),
    ),
    anthropic: '/anthropic/v1/messages',
  },
  sign: bearer,
  credentials: ['api_key'],
  /** docs.bigmodel.cn, "速率限制", 2026-09 */
  dailyReset: '00:00 Asia/Shanghai',
  /** docs.bigmodel.cn, "错误码" */
  failureCodes: {
    1000: 'key',
    1001: 'key',
    1002: 'key',
    1003: 'key',
    1004: 'key',
    1110: 'key',
    1111: 'key',
    1112: 'key',
    1113: 'balance',
    1120: 'overload',
    1211: 'model_gone',
    1212: 'model_gone',
    1220: 'model_gone',
    1230: 'overload',
    1234: 'overload',
    1261: 'context',
    1301: 'moderation',
    1302: 'minute',
    1303: 'minute',
    1304: { reason: 'day', period: 'day' },
    1305: 'overload',
    1308: { reason: 'day', period: 'day' },
    1309: 'balance',
    1310: { reason: 'day', period: 'week' },
    1312: 'overload',
    1313: 'day',
  },
  models: ['glm-5.3', 'glm-5.3-flash', 'glm-4.7-flash'],
  /**
   * A list for embedding-3 has at most 64 texts; a list for embedding-2 is limited by its tokens
   * (docs.bigmodel.cn/api-reference, "文本嵌入").
   */
  maxTexts: { embeddings: model => (model === 'embedding-3' ? 64 : Number.POSITIVE_INFINITY) },
  patchRequest: {
    'openai-chat': (body, noteLoss, { model }) => {
      developerToSystem(body)
      renameToMaxTokens(body)
      clamp(body, 'temperature', [0, 1], noteLoss)
      clamp(body, 'top_p', [0.01, 1], noteLoss)
      if (model.toLowerCase().includes('glm-4v')) stripDataUrlPrefix(body)
    },
  },
})
