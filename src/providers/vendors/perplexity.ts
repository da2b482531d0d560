import { provider } from '../provider.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * The Agent API supports OpenAI's Responses at `/v1/responses`, for models of many vendors with Perplexity's search
 * (docs.perplexity.ai/docs/agent-api/openai-compatibility, 2026-11). Chat Completions were shut down on 27 September
 * 2026, so Chat Completions clients are translated.
 */
export default provider({
  id: 'perplexity',
  title: 'Perplexity',
  docs: 'https://docs.perplexity.ai',
  checked: '2026-11',
  base: 'https://api.perplexity.ai/v1',
  paths: { 'openai-responses': '/responses' },
  sign: bearer,
  credentials: ['api_key'],
})
