import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import { lookUp } from '../../base/look-up.ts'
import { hasCredential } from '../entry.ts'
import { provider } from '../provider.ts'
import { clamp, developerToSystem, messagesOf, renameToMaxTokens } from '../quirks.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/** Model names of the WebSocket API → names of the same models in the HTTP API. */
const httpNames: Record<string, string> = {
  'spark-lite': 'lite',
  'spark-v2.0': 'generalv2',
  'spark-pro': 'generalv3',
  'spark-pro-128k': 'pro-128k',
  'spark-max': 'generalv3.5',
  'spark3.5-max': 'generalv3.5',
  'spark-max32k': 'max-32k',
  '4.0ultra': '4.0Ultra',
}

/** Models below Max have no system role (docs.iflyaicloud.com/doc/237: "Spark Max now supports system"). */
const modelsWithoutSystem: ReadonlySet<string> = new Set(['general', 'lite', 'generalv2', 'generalv3', 'pro-128k'])

/** Prepends the system messages to the first user message. Without one they become a user message. */
const foldSystem = (body: JsonObject): void => {
  const { messages } = body
  const systemMessages = messagesOf(body).filter(({ role }) => role === 'system')
  if (!Array.isArray(messages) || systemMessages.length === 0) return
  const text = systemMessages.map(({ content }) => contentText(content)).join('\n')
  const rest = messages.filter(message => !isObject(message) || message['role'] !== 'system')
  const user = rest.find(message => isObject(message) && message['role'] === 'user')
  if (!isObject(user)) rest.unshift({ role: 'user', content: text })
  else if (Array.isArray(user['content'])) user['content'].unshift({ type: 'text', text })
  else user['content'] = `${text}\n\n${contentText(user['content'])}`
  body['messages'] = rest
}

const contentText = (content: Json | undefined): string =>
  Array.isArray(content)
    ? content.map(part => contentText(isObject(part) ? part['text'] : part)).join('')
    : (textOf(content) ?? '')

/**
 * HTTP statuses of the vendor's error codes: no access to the model, rate limits, content filters, invalid requests,
 * context length, overload. 10012, 10013, 10014 and 11200 are recorded. The others are from the vendor's list as users
 * report it; they could not be checked with the vendor in 2026-11. Unknown codes become 502.
 */
const httpStatuses: Record<number, number> = {
  ...{ 10005: 401, 10313: 401, 11200: 401, 11201: 429, 11202: 429, 11203: 429, 10007: 429 },
  ...{ 10003: 400, 10004: 400, 10013: 400, 10014: 400, 10019: 400, 10163: 400, 10907: 400 },
  ...{ 10008: 503, 10010: 503, 10012: 503, 10110: 503 },
}

/** Turns a `code` other than 0 into a status. A failed response has such a code, with or without choices. */
const liftErrorCode = (body: JsonObject): void => {
  const { error, code: topLevelCode } = body
  const code = Number((isObject(error) ? error['code'] : undefined) ?? topLevelCode ?? 0)
  if (!code) return
  if (!isObject(error)) delete body['choices']
  const status = httpStatuses[code]
  if (status !== undefined) body['status'] = status
}

/**
 * The HTTP API: temperature above 0 to 1, `max_tokens` as the only limit, and the APIPassword of a model as the key
 * (docs.iflyaicloud.com/doc/237). The documentation no longer lists version 2.0 (www.xfyun.cn/doc/spark/Web.html, read
 * 2026).
 */
export default provider({
  id: 'xinghuo',
  title: 'iFlytek Spark (Xinghuo)',
  docs: 'https://www.xfyun.cn/doc/spark/HTTP%E8%B0%83%E7%94%A8%E6%96%87%E6%A1%A3.html',
  checked: '2026-11',
  quirks: [
    'model names of the WebSocket API (`spark-lite` …) are sent as those of the HTTP API (`lite` …)',
    'for Lite and Pro, system messages are moved into the first user message',
    '`temperature` is limited to 0.01 to 1',
    '`max_completion_tokens` is sent as `max_tokens`',
    'a `code` other than 0 in a response becomes an error with the matching status',
  ],
  base: 'https://spark-api-open.xf-yun.com/v1',
  paths: openaiPaths(),
  sign: bearer,
  credentials: ['api_key'],
  /** www.xfyun.cn/doc/spark, 2026-09 */
  dailyReset: '00:00 Asia/Shanghai',
  /** www.xfyun.cn/doc/spark, error codes */
  failureCodes: {
    10005: 'key',
    10007: 'minute',
    10008: 'overload',
    10010: 'overload',
    10012: 'broken',
    10013: 'moderation',
    10014: 'moderation',
    10019: 'moderation',
    10110: 'overload',
    10907: 'context',
    10313: 'key',
    11200: 'model_gone',
    11201: { reason: 'day', period: 'day' },
    11202: { reason: 'minute', period: 'second' },
    11203: 'minute',
  },
  models: ['spark-lite', 'spark-pro', 'spark-max', '4.0Ultra'],
  patchRequest: {
    'openai-chat': (body, noteLoss, { model }) => {
      const name = lookUp(httpNames, model.toLowerCase()) ?? model
      if (body['model'] === model) body['model'] = name
      developerToSystem(body)
      if (modelsWithoutSystem.has(name.toLowerCase())) foldSystem(body)
      renameToMaxTokens(body)
      clamp(body, 'temperature', [0.01, 1], noteLoss)
    },
  },
  patchResponse: { 'openai-chat': liftErrorCode },
  variants: [
    {
      when: entry => hasCredential(entry, 'appid', 'api_secret') || /^wss?:/i.test(entry.serverUrl ?? ''),
      unsupported:
        'the WebSocket API (appid, api_key, api_secret) is not supported yet; use the APIPassword of the model (console of xfyun.cn, "HTTP") as the only credential, api_key, without server_url',
    },
  ],
})
