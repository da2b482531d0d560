import { provider } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

const accountsUrl = 'https://api.cloudflare.com/client/v4/accounts'

/**
 * Chat and embeddings are below the URL of the account
 * (developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility). A `server_url` that names the account, or
 * an AI Gateway (`…/workers-ai/v1`), replaces it. llama-3.1-8b-instruct and other models were retired on 2026-05-30;
 * the changelog of 2026-05 recommends the first model here instead.
 */
export default provider({
  id: 'cloudflare',
  title: 'Cloudflare Workers AI',
  docs: 'https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/',
  checked: '2026-11',
  base: ({ credential }) => `${accountsUrl}/${encodeURIComponent(credential.values['account_id'] ?? '')}/ai/v1`,
  hosts: ['api.cloudflare.com', 'gateway.ai.cloudflare.com'],
  paths: openaiPaths('embeddings'),
  sign: bearer,
  credentials: ['api_key', 'account_id'],
  /** developers.cloudflare.com/workers-ai/platform/pricing, 2026-08 */
  dailyReset: '00:00 UTC',
  /** developers.cloudflare.com/workers-ai/platform/errors */
  failureCodes: {
    4006: { reason: 'day', period: 'day', wholeAccount: true },
    3036: { reason: 'day', period: 'day', wholeAccount: true },
    3040: 'overload',
    5007: 'model_gone',
  },
  models: ['@cf/google/gemma-4-26b-a4b-it', '@cf/openai/gpt-oss-120b'],
  variants: [{ when: entry => entry.serverUrl !== undefined, base: accountsUrl, credentials: ['api_key'] }],
})
