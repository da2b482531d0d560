import { omitOutputFields } from '../../protocols/count-tokens.ts'
import { provider } from '../provider.ts'
import { anthropicKey } from '../sign/anthropic.ts'

/**
 * The key is sent in `x-api-key` (platform.claude.com/docs/en/api/overview). Model names are from the SDK,
 * @anthropic-ai/sdk 1.11 of 2026-11. They have no date and always denote the same model.
 */
export default provider({
  id: 'claude',
  title: 'Anthropic (Claude)',
  docs: 'https://platform.claude.com/docs',
  checked: '2026-11',
  quirks: ['requests to count tokens are sent without output settings (`max_tokens`, `temperature` …)'],
  base: 'https://api.anthropic.com/v1',
  paths: { anthropic: '/messages', 'anthropic/count_tokens': '/messages/count_tokens' },
  sign: anthropicKey,
  patchTopLevel: { 'anthropic/count_tokens': omitOutputFields },
  credentials: ['api_key'],
  models: ['claude-opus-5-5', 'claude-sonnet-5-5', 'claude-haiku-5-5'],
})
