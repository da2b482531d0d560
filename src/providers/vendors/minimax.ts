import { isObject, type JsonObject } from '../../base/json/json.ts'
import { hasCredential } from '../entry.ts'
import { provider } from '../provider.ts'
import { clamp, developerToSystem, omit } from '../quirks.ts'
import { openaiPaths, withPathPrefix } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * HTTP statuses of the vendor's error codes: timeout, rate limits, keys, balance, token limits, content filters,
 * parameters, plan. 1002, 1004, 1008, 1027, 1039, 2013 and 2061 are recorded. 1001, 1026, 2049 and 2056 are those that
 * users report; they could not be checked with the vendor in 2026-11. Unknown codes become 502.
 */
const httpStatuses: Record<number, number> = {
  ...{ 1001: 504, 1002: 429, 1004: 401, 1008: 402, 1026: 400, 1027: 400, 1039: 429, 2013: 400, 2049: 401, 2056: 429 },
  2061: 403,
}

/**
 * Corrects two things: an error has status 200 and `choices: null`, and the results of the built-in search arrive as a
 * delta with the role `tool` and a finish reason.
 */
const fixResponse = (body: JsonObject): void => {
  const { base_resp: baseResponse, choices } = body
  const status = isObject(baseResponse) ? httpStatuses[Number(baseResponse['status_code'])] : undefined
  if (status !== undefined) body['status'] = status
  for (const choice of Array.isArray(choices) ? choices.filter(isObject) : []) {
    if (!isObject(choice['delta']) || choice['delta']['role'] !== 'tool') continue
    choice['delta'] = {}
    choice['finish_reason'] = null
  }
}

/**
 * Temperature above 0 to 1, and one choice (platform.minimaxi.com). M2 models put their reasoning into the content as
 * `<think>`, and expect it back in that form. `params: { "reasoning_split": true }` separates it (recorded 2026). The
 * models of the pro API (abab…) are not served here, so the default models are current ones. There are two platforms:
 * api.minimaxi.com and api.minimax.io.
 */
export default provider({
  id: 'minimax',
  title: 'MiniMax',
  docs: 'https://platform.minimaxi.com/docs',
  checked: '2026-11',
  quirks: [
    '`temperature` is limited to 0.01 to 1',
    '`n` above 1 is removed',
    'the role `developer` is sent as `system`',
    'an error with status 200 (`base_resp`) gets the matching status',
    'results of the built-in search are removed from the answer',
  ],
  base: 'https://api.minimaxi.com',
  hosts: ['api.minimax.io', 'api.minimax.chat'],
  paths: { ...withPathPrefix('/v1', openaiPaths()), anthropic: '/anthropic/v1/messages' },
  sign: bearer,
  credentials: ['api_key'],
  /** platform.minimaxi.com, "错误码" */
  failureCodes: {
    1000: 'broken',
    1001: 'broken',
    1002: 'minute',
    1004: 'key',
    1008: 'balance',
    1013: 'broken',
    1024: 'broken',
    1026: 'moderation',
    1027: 'moderation',
    1033: 'broken',
    1039: 'minute',
    1041: 'minute',
    2049: 'key',
    2056: 'day',
    2061: 'model_gone',
  },
  models: ['MiniMax-M3', 'MiniMax-M2.7', 'MiniMax-M2.5'],
  patchRequest: {
    'openai-chat': (body, noteLoss) => {
      developerToSystem(body)
      if (typeof body['n'] === 'number' && body['n'] > 1) omit(body, 'n', noteLoss)
      clamp(body, 'temperature', [0.01, 1], noteLoss)
    },
  },
  patchResponse: { 'openai-chat': fixResponse },
  variants: [
    {
      // A group_id next to a current URL has no effect.
      when: ({ serverUrl, ...entry }) => serverUrl?.includes('chatcompletion') ?? hasCredential(entry, 'group_id'),
      unsupported:
        'the endpoint chatcompletion_pro, and a group_id without another server_url, are not supported yet; remove group_id and server_url (or set server_url https://api.minimaxi.com/v1) and use current models such as MiniMax-M2.7',
    },
  ],
})
