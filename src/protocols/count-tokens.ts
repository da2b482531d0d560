/**
 * Counts the tokens of a request without generating an answer, in the protocol of the request. If no target can count,
 * the gateway estimates.
 */
import { GatewayError } from '../base/errors.ts'
import { countOf, isObject, type Json, type JsonObject, parseJson } from '../base/json/json.ts'
import type { ProtocolId } from '../ir/chat.ts'
import { anthropic } from './anthropic/index.ts'
import { gemini } from './gemini/index.ts'
import type { ClientHalf, Passthrough, Protocol, VendorHalf } from './protocol.ts'
import type { RequestReader } from './shared/request-reader.ts'

/**
 * `protocol` is the protocol of the counted request. `renderCount` renders an estimate. `unwrapRequest` returns the
 * counted request.
 */
export interface TokenCounter extends ClientHalf, VendorHalf {
  readonly kind: 'count'
  protocol: Protocol
  renderCount: (tokens: number) => JsonObject
  unwrapRequest: (body: JsonObject) => JsonObject
}

type TokenCounterOptions = {
  id: ProtocolId
  protocol: Protocol
  /** The field of the answer that holds the count. */
  countField: string
  checkRequest: (body: JsonObject) => void
  /** Returns the counted request, if it is nested in the body. */
  unwrapRequest?: (body: JsonObject) => JsonObject
  writeRequest?: Passthrough['writeRequest']
}

/** Reads the counted request, wherever it stands in the body. Counting generates no text. */
const countReader = (reader: RequestReader, unwrapRequest: (body: JsonObject) => JsonObject): RequestReader => ({
  visitPrompt: (body, visitor) => reader.visitPrompt(unwrapRequest(body), visitor),
  maxAnswerTokens: () => 0,
  openingOf: body => reader.openingOf(unwrapRequest(body)),
  conversationNameOf: body => reader.conversationNameOf(unwrapRequest(body)),
  offersTools: body => reader.offersTools(unwrapRequest(body)),
  itemCount: (kind, body) => reader.itemCount(kind, unwrapRequest(body)),
})

const createTokenCounter = ({
  id,
  protocol,
  countField,
  checkRequest,
  unwrapRequest = body => body,
  writeRequest = protocol.passthrough.writeRequest,
}: TokenCounterOptions): TokenCounter => ({
  kind: 'count',
  id,
  protocol: protocol,
  reader: countReader(protocol.reader, unwrapRequest),
  ...(protocol.scopedFields && { scopedFields: protocol.scopedFields }),
  unwrapRequest,
  renderCount: tokens => ({ [countField]: tokens }),
  checkRequest: checkRequest,
  renderError: protocol.renderError,
  renderStreamError: protocol.renderStreamError,
  parseError: protocol.parseError,
  ...(protocol.requestIdHeader !== undefined && { requestIdHeader: protocol.requestIdHeader }),
  idPrefix: '',
  passthrough: {
    readRequest: body => ({ ...protocol.passthrough.readRequest(body), stream: false, usageRequested: false }),
    writeRequest: (text, body, { model }) => writeRequest(text, body, { model, requestUsage: false }),
    pipeStream() {
      throw new GatewayError('internal', 'counting does not stream')
    },
    passMessage(text, { patchResponse, redact }) {
      const body: Json | undefined = parseJson(text)
      if (isObject(body)) patchResponse?.(body)
      if (isObject(body) && countOf(body[countField]) !== undefined)
        return { text: redact(patchResponse ? JSON.stringify(body) : text) }
      throw new GatewayError('upstream_failed', 'the vendor told no number of tokens')
    },
  },
})

/** https://platform.claude.com/docs/en/api/messages-count-tokens (2026-11): a request without `max_tokens`. */
const anthropicCount = createTokenCounter({
  id: 'anthropic/count_tokens',
  protocol: anthropic,
  countField: 'input_tokens',
  checkRequest: body => anthropic.checkRequest({ max_tokens: 1, ...body }),
})

/**
 * Fields that concern only the output. Count endpoints reject them (github.com/Wei-Shaw/sub2api/pull/4913, 2026-07).
 */
const outputFields = 'max_tokens stream temperature top_p top_k stop_sequences metadata service_tier'.split(' ')
export const omitOutputFields = (): JsonObject => Object.fromEntries(outputFields.map(key => [key, undefined]))

/** The field in which the counted request may be nested. */
const wrapperKey = (body: JsonObject): string | undefined =>
  ['generateContentRequest', 'generate_content_request'].find(key => isObject(body[key]))

const unwrapCountRequest = (body: JsonObject): JsonObject => {
  const key = wrapperKey(body)
  return key === undefined ? body : (body[key] as JsonObject)
}

/** A nested request must name the model, and it must be the model of the URL. */
const writeWrappedRequest: Passthrough['writeRequest'] = (text, body, change) => {
  const key = wrapperKey(body)
  if (key === undefined) return gemini.passthrough.writeRequest(text, body, change)
  const request = { ...unwrapCountRequest(body), model: change.model }
  return JSON.stringify({
    ...body,
    [key]: JSON.parse(gemini.passthrough.writeRequest(JSON.stringify(request), request, change)) as Json,
  })
}

/** https://ai.google.dev/api/tokens (2026-11): `contents` alone, or a complete nested request. */
export const geminiCount = createTokenCounter({
  id: 'gemini/countTokens',
  protocol: gemini,
  countField: 'totalTokens',
  checkRequest: body => gemini.checkRequest(unwrapCountRequest(body)),
  unwrapRequest: unwrapCountRequest,
  writeRequest: writeWrappedRequest,
})

export const tokenCounters: ReadonlyMap<ProtocolId, TokenCounter> = new Map(
  [anthropicCount, geminiCount].map(one => [one.id, one]),
)
