import { provider } from '../provider.ts'
import { developerToSystem, renameToMaxTokens } from '../quirks.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * Model names of 2026-10 (api-docs.deepseek.com/zh-cn/quick_start/pricing): `deepseek-flash` is V4.1 Flash.
 * `deepseek-chat`, `-reasoner` and `-coder` were retired on 2026-07-24.
 * `/v1` in a URL is optional. Completions (fill in the middle) are under `/beta`.
 * The role `developer` gets 400 "unknown variant", and `max_completion_tokens` is silently ignored
 * (github.com/earendil-works/pi issues 1048 and 8018, each tested with the vendor).
 * In thinking mode a message with tool calls but without its reasoning_content gets 400
 * (api-docs.deepseek.com/guides/thinking_mode, 2026-11).
 * Anthropic Messages: api-docs.deepseek.com/guides/anthropic_api (2026-11).
 */
export default provider({
  id: 'deepseek',
  title: 'DeepSeek',
  docs: 'https://api-docs.deepseek.com',
  checked: '2026-11',
  quirks: [
    'the role `developer` is sent as `system`',
    '`max_completion_tokens` is sent as `max_tokens`',
    'if the client drops the thoughts before a tool call, they are restored',
  ],
  base: 'https://api.deepseek.com',
  paths: {
    'openai-chat': '/chat/completions',
    anthropic: '/anthropic/v1/messages',
    completions: '/beta/completions',
  },
  sign: bearer,
  requiresReasoning: true,
  credentials: ['api_key'],
  models: ['deepseek-flash', 'deepseek-v4-pro'],
  patchRequest: {
    'openai-chat': body => {
      developerToSystem(body)
      renameToMaxTokens(body)
    },
  },
})
