import { provider } from '../provider.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * docs.perplexity.ai/docs/agent-api/openai-compatibility (2026-11): the Agent API takes OpenAI's Responses at `/v1/responses`, for models
 * of many makers with Perplexity's search. Chat Completions ended on 27 September 2026: clients of it are translated.
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
