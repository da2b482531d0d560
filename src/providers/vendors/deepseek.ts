import { provider } from '../provider.ts'
import { developerToSystem, renameToMaxTokens } from '../quirks.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * Names of 2026-10 (api-docs.deepseek.com/zh-cn/quick_start/pricing): `deepseek-flash` is V4.1 Flash; `deepseek-chat`, `-reasoner` and `-coder` ended
 * on 2026-07-24. `/v1` in an address is allowed and means nothing; completions (fill in the middle) stand under `/beta`.
 * The role `developer` gets 400 "unknown variant", `max_completion_tokens` is overlooked in silence
 * (github.com/earendil-works/pi issues 1048 and 8018, each tried against the vendor).
 * In thinking mode a message with calls and without its reasoning_content gets 400 (api-docs.deepseek.com/guides/thinking_mode, 2026-11).
 * Messages: api-docs.deepseek.com/guides/anthropic_api (2026-11).
 */
export default provider({
  id: 'deepseek',
  title: 'DeepSeek',
  docs: 'https://api-docs.deepseek.com',
  checked: '2026-11',
  quirks: [
    'role `developer` is `system`',
    '`max_tokens` is the only limit',
    'the thoughts before a call are brought back where the client drops them',
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
