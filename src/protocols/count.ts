/** Counting the tokens of a request without an answer, in the shape of the protocol the request is of; where no target counts, the gateway guesses. */
import { GatewayError } from '../errors.ts'
import type { ProtocolId } from '../ir/chat.ts'
import { countOf, isObject, type Json, type JsonObject, parseJson } from '../ir/json.ts'
import { anthropic } from './anthropic/index.ts'
import { gemini } from './gemini/index.ts'
import type { Ingress, PassOnly, Protocol } from './protocol.ts'

/** `of`: the protocol of what is counted. `tell`: the answer for a guess. */
export type Counting = PassOnly & {
  of: Protocol
  tell: (tokens: number) => JsonObject
  inner: (body: JsonObject) => JsonObject
}

export const isCounting = (protocol: Ingress | PassOnly): protocol is Counting => 'tell' in protocol

type Shape = {
  id: ProtocolId
  of: Protocol
  /** The field of the answer that holds the number. */
  counted: string
  check: (body: JsonObject) => void
  /** The request that is counted, where it stands inside another. */
  inner?: (body: JsonObject) => JsonObject
}

const counting = ({ id, of, counted, check, inner = body => body }: Shape): Counting => ({
  id,
  of,
  inner,
  tell: tokens => ({ [counted]: tokens }),
  checkRequest: check,
  renderError: of.renderError,
  renderFault: of.renderFault,
  parseError: of.parseError,
  idPrefix: '',
  watch: {
    readRequest: body => ({ ...of.watch.readRequest(body), stream: false, usageAsked: false }),
    writeRequest: (text, body, { model }) => of.watch.writeRequest(text, body, { model, askUsage: false }),
    passStream() {
      throw new GatewayError('internal', 'counting does not stream')
    },
    passMessage(text) {
      const body: Json | undefined = parseJson(text)
      if (isObject(body) && countOf(body[counted]) !== undefined) return { text }
      throw new GatewayError('upstream_failed', 'the vendor told no number of tokens')
    },
  },
})

/** https://platform.claude.com/docs/en/api/messages-count-tokens (2026-11): a request without `max_tokens`. */
export const anthropicCount = counting({
  id: 'anthropic/count_tokens',
  of: anthropic,
  counted: 'input_tokens',
  check: body => anthropic.checkRequest({ max_tokens: 1, ...body }),
})

/** What a request to be counted may be wrapped in. */
const wrapped = (body: JsonObject): JsonObject =>
  [body.generateContentRequest, body.generate_content_request].find(isObject) ?? body

/** https://ai.google.dev/api/tokens (2026-11): `contents`, or a whole request for more than them. */
export const geminiCount = counting({
  id: 'gemini/countTokens',
  of: gemini,
  counted: 'totalTokens',
  check: body => gemini.checkRequest(wrapped(body)),
  inner: wrapped,
})

export const countings: ReadonlyMap<ProtocolId, Counting> = new Map(
  [anthropicCount, geminiCount].map(one => [one.id, one]),
)
