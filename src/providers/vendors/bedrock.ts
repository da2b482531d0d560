import { countOf, isObject, type JsonObject } from '../../base/json/json.ts'
import type { NoteLoss } from '../../protocols/protocol.ts'
import { egressOf } from '../../protocols/registry.ts'
import { hasCredential, type Target } from '../entry.ts'
import { provider, type Sign } from '../provider.ts'
import { parseServerUrl, pathSegment } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'
import { sigv4 } from '../sign/sigv4.ts'

/** Used if neither the credentials nor the URL of an entry name a region. */
const defaultRegion = 'us-east-1'

/** URLs of VPC endpoints (`vpce-….bedrock-runtime.eu-west-1.vpce.amazonaws.com`) contain the region, too. */
const regionOf = ({ entry, credential }: Target): string =>
  credential.values['region'] ??
  /\bbedrock-runtime(?:-fips)?\.([a-z0-9-]+)\./.exec(entry.serverUrl ?? '')?.[1] ??
  defaultRegion

const base = (target: Target): string => {
  const { serverUrl } = target.entry
  if (serverUrl === undefined) {
    const region = pathSegment(regionOf(target))
    return `https://bedrock-runtime.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`
  }
  const { origin, path, query } = parseServerUrl(serverUrl)
  return origin + path + query
}

const signV4 = sigv4('bedrock', regionOf)

/**
 * Signs with the API key, otherwise with the key pair. Bedrock takes Anthropic's headers in the body, and its streams
 * are not SSE.
 */
const sign: Sign = async (request, target, fetchToken) => {
  const { headers, url } = request
  for (const name of ['anthropic-version', 'anthropic-beta']) headers.delete(name)
  if (headers.has('accept'))
    headers.set('accept', /-stream$/.test(url) ? 'application/vnd.amazon.eventstream' : 'application/json')
  const { api_key: key, access_key: accessKey } = target.credential.values
  if (key !== undefined) return bearer(request, target, fetchToken)
  if (accessKey !== undefined) return signV4(request, target, fetchToken)
}

/** Anthropic betas that Bedrock supports, some under another name. Bedrock refuses all others. */
const betaNames: ReadonlyMap<string, string> = new Map([
  ...[
    'compact-2026-01-12',
    'computer-use-2025-01-24',
    'computer-use-2025-11-24',
    'context-1m-2025-08-07',
    'context-management-2025-06-27',
    'effort-2025-11-24',
    'fine-grained-tool-streaming-2025-05-14',
    'interleaved-thinking-2025-05-14',
    'mid-conversation-output-config-2026-07-01',
    'mid-conversation-tool-changes-2026-07-01',
    'thinking-binding-controls-2026-08-01',
    'thinking-display-updates-2026-08-18',
    'tool-search-tool-2025-10-19',
  ].map(beta => [beta, beta] as const),
  ['advanced-tool-use-2025-11-20', 'tool-search-tool-2025-10-19'] as const,
])

/**
 * InvokeModel takes the model and the streaming mode from the URL, not from the body.
 * docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html
 */
const toInvokeModel = (
  { service_tier: tier }: JsonObject,
  noteLoss: NoteLoss,
  _target: Target,
  client?: Headers,
): JsonObject => {
  if (tier !== undefined) noteLoss('service_tier', 'this vendor expects it elsewhere')
  const requestedBetas = client ? (egressOf('anthropic')!.headers!(client)['anthropic-beta']?.split(',') ?? []) : []
  const supportedBetas = new Set(requestedBetas.flatMap(beta => betaNames.get(beta) ?? []))
  return {
    model: undefined,
    stream: undefined,
    service_tier: undefined,
    anthropic_version: 'bedrock-2023-05-31',
    ...(supportedBetas.size > 0 && { anthropic_beta: [...supportedBetas] }),
  }
}

/**
 * CountTokens supports only Claude and takes a complete InvokeModel request, which requires `max_tokens` above the
 * thinking budget (docs.aws.amazon.com/bedrock/latest/userguide/count-tokens.html, 2026-11).
 */
const toCountTokens = (body: JsonObject, noteLoss: NoteLoss, target: Target, client?: Headers): JsonObject => {
  const { thinking } = body
  const thinkingBudget = (isObject(thinking) && countOf(thinking['budget_tokens'])) || 0
  return {
    ...toInvokeModel(body, noteLoss, target, client),
    max_tokens: countOf(body['max_tokens']) || thinkingBudget + 1,
  }
}

/** …/APIReference/API_runtime_InvokeModelTokensRequest.html (2026-11) */
const wrapInput = (text: string): string =>
  JSON.stringify({ input: { invokeModel: { body: Buffer.from(text).toString('base64') } } })

const renameInputTokens = (body: JsonObject): void => {
  if (body['inputTokens'] === undefined) return
  body['input_tokens'] = body['inputTokens']
  delete body['inputTokens']
}

/** CountTokens knows models, but no inference profiles (github.com/pydantic/pydantic-ai/pull/3367). */
const withoutProfile = (model: string): string => model.replace(/^.*(?=anthropic\.claude)/, '')

const isClaude = (model: string): boolean => /\banthropic\.claude|^claude-/.test(model)

/**
 * All models use Converse; Claude uses Anthropic's protocol with InvokeModel (docs.aws.amazon.com/bedrock). A model is
 * named by its id, or by the id or ARN of an inference profile.
 */
export default provider({
  id: 'bedrock',
  title: 'Amazon Bedrock',
  docs: 'https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference.html',
  checked: '2026-11',
  quirks: [
    'the model decides the protocol: Claude uses Messages through InvokeModel, every other model uses Converse',
    'requests for Claude have `anthropic_version` and the known betas in the body, images as bytes, and neither `model` nor `stream`',
    'CountTokens counts the tokens of Claude, with the model ID instead of the inference profile; if it refuses, the gateway estimates',
  ],
  base,
  paths: {
    'bedrock-converse': ({ model }, { stream }) => `/model/${pathSegment(model)}/converse${stream ? '-stream' : ''}`,
    anthropic: ({ model }, { stream }) => `/model/${pathSegment(model)}/invoke${stream ? '-with-response-stream' : ''}`,
    'anthropic/count_tokens': ({ model }) => `/model/${pathSegment(withoutProfile(model))}/count-tokens`,
  },
  protocolsFor: model =>
    isClaude(model) ? ['anthropic', 'bedrock-converse', 'anthropic/count_tokens'] : ['bedrock-converse'],
  requiresInlineMedia: ['anthropic'],
  sign,
  credentials: ['access_key', 'secret_key'],
  patchTopLevel: { anthropic: toInvokeModel, 'anthropic/count_tokens': toCountTokens },
  wrap: { 'anthropic/count_tokens': wrapInput },
  patchResponse: { 'anthropic/count_tokens': renameInputTokens },
  variants: [{ when: entry => hasCredential(entry, 'api_key'), credentials: [] }],
})
