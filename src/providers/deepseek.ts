import { provider } from './provider.ts'
import { developerAsSystem, limitAsMaxTokens } from './quirks.ts'
import { bearer } from './sign/bearer.ts'

/**
 * `/v1` in an address is allowed and means nothing; completions (fill in the middle) stand under `/beta`.
 * The role `developer` gets 400 "unknown variant", `max_completion_tokens` is overlooked in silence
 * (github.com/earendil-works/pi issues 1048 and 8018, each tried against the vendor).
 * In thinking mode a message with calls and without its reasoning_content gets 400 (api-docs.deepseek.com/guides/thinking_mode, 2026-11).
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
  speaks: { 'openai-chat': '/chat/completions', completions: '/beta/completions' },
  sign: bearer,
  needsThoughts: true,
  credentials: ['api_key'],
  models: ['deepseek-chat', 'deepseek-coder'],
  adjust: {
    'openai-chat': body => {
      developerAsSystem(body)
      limitAsMaxTokens(body)
    },
  },
})
