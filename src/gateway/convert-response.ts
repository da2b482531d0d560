/**
 * Converts a vendor's response for the client. It is returned complete or streamed as the client asked, even if the
 * vendor chose the other form.
 */
import { GatewayError } from '../base/errors.ts'
import { type IdleTimeouts, pipeBytes } from '../downstream/byte-stream.ts'
import type { OpenedStream } from '../downstream/event-stream.ts'
import { eventLines, RedactedReader } from '../downstream/redacted-bytes.ts'
import { withVendorHeaders } from '../downstream/response-headers.ts'
import type { ProtocolId, Usage } from '../ir/chat.ts'
import { contentEvents } from '../protocols/openai-pass/passthrough.ts'
import {
  type StoreResponse,
  storeFromFrames,
  storeFromMessage,
  storeFromStream,
} from '../protocols/openai-responses/stored/store-response.ts'
import type { Exchange, Frame, StreamPipe } from '../protocols/protocol.ts'
import { type ClientProtocol, egressOf, protocols, vendorProtocolOf } from '../protocols/registry.ts'
import { rememberMessage, rememberStream } from '../protocols/shared/thought-memory.ts'
import {
  collectStream,
  streamMessage,
  translateMessage,
  translateStream,
  untranslatable,
} from '../protocols/shared/translate.ts'
import { translateUnaryResponse } from '../protocols/shared/unary.ts'
import type { RequestLifetime } from '../telemetry/request-lifetime.ts'
import type { UpstreamResponse } from '../upstream/call.ts'
import { UpstreamEventSource } from '../upstream/event-source.ts'
import { awsEventStreamFraming, isAwsEventStream } from '../upstream/framing/aws-event-stream.ts'
import { type Framing, sseFraming } from '../upstream/framing/sse.ts'
import { readBytes, readError, readRest, readText, sniffEventStream } from '../upstream/read-body.ts'

/** The two protocols that a response passes between, and what happens to it on the way. */
export type ResponsePipe = {
  clientProtocol: ClientProtocol
  vendorProtocol: ProtocolId
  exchange: Exchange
  shouldRememberThoughts: boolean
  storeResponse?: StoreResponse | undefined
}

/** A complete response: text, or bytes that are piped to the client as they arrive. */
export type CompleteResponse = {
  body: string | ReadableStream<Uint8Array>
  contentType: string
  usage?: Usage | undefined
  /** The answer ended with a plain stop and holds nothing. */
  isEmpty?: boolean
}

/**
 * Reads the error body of a response whose status is not 2xx.
 * @throws GatewayError always: the vendor's error
 */
export const throwVendorError = async (
  upstream: UpstreamResponse,
  { vendorProtocol, exchange }: ResponsePipe,
): Promise<never> => {
  const { status, headers } = upstream.response
  const text = await readError(upstream)
  if (status === 407) throw new GatewayError('upstream_failed', "the proxy refused the gateway's credentials")
  const protocol = vendorProtocolOf(vendorProtocol)
  throw withVendorHeaders(protocol.parseError(status, headers, text, exchange), headers, exchange.redact)
}

/**
 * Reads a stream up to its first content.
 * @throws GatewayError what failed before the first content, with its real status
 */
export const openStream = async (
  upstream: UpstreamResponse,
  pipe: ResponsePipe,
  idle: number,
  storeResponse: (source: UpstreamEventSource) => void,
): Promise<OpenedStream> => {
  const { reader, first, hasEvents } = await sniffEventStream(upstream, idle)
  const { headers } = upstream.response
  if (!hasEvents) return { headers, ...streamCompleteResponse(await readRest(reader, first, upstream, idle), pipe) }
  upstream.deadline.unlimitTotal()
  const source = new UpstreamEventSource(streamPipeFor(pipe), {
    reader,
    deadline: upstream.deadline,
    idle,
    first,
    framing: framingOf(headers.get('content-type'), pipe),
  })
  storeResponse(source)
  const text = await source.commit()
  return { headers, text, source, isEmpty: source.pipe.state.isEmpty === true }
}

/**
 * Reads a response that is not streamed to the client.
 * @throws GatewayError if the body is an error or not a valid response
 */
export const readCompleteResponse = async (
  upstream: UpstreamResponse,
  pipe: ResponsePipe,
  idleTimeouts: IdleTimeouts,
  lifetime: RequestLifetime,
): Promise<CompleteResponse> => {
  const idle = idleTimeouts.vendor
  const contentType = upstream.response.headers.get('content-type') ?? ''
  const shouldPipeBytes = isBinary(pipe, contentType) || isPassthroughStream(pipe, contentType)
  if (shouldPipeBytes && upstream.response.body) {
    upstream.deadline.unlimitTotal()
    return { body: pipeVendorBytes(upstream, pipe, contentType, idleTimeouts, lifetime), contentType }
  }
  if (isAwsEventStream(contentType) && upstream.response.body)
    return collectStreamedResponse(
      await readBytes(upstream.response.body.getReader(), undefined, upstream, idle),
      contentType,
      pipe,
    )
  const text = await readText(upstream, idle)
  if (looksLikeEvents(text) && isTranslatable(pipe))
    return collectStreamedResponse(new TextEncoder().encode(text), contentType, pipe)
  if (isPlainText(pipe, contentType, text)) return { body: text, contentType }
  return storeCompleteResponse(passOrTranslateBody(text, pipe), pipe)
}

/** Audio, images, archives and documents are content. Any other body that is piped is redacted on the way. */
const pipeVendorBytes = (
  upstream: UpstreamResponse,
  { exchange }: ResponsePipe,
  contentType: string,
  idleTimeouts: IdleTimeouts,
  lifetime: RequestLifetime,
): ReadableStream<Uint8Array> =>
  mediaTypes.test(contentType)
    ? pipeBytes(upstream, idleTimeouts, lifetime)
    : pipeBytes(
        upstream,
        idleTimeouts,
        lifetime,
        reader => new RedactedReader(reader, exchange.redact, eventLines(contentEvents)),
      )

const mediaTypes = /^(?:audio|video|image|font|model)\/(?!svg)|^application\/(?:octet-stream|ogg|pdf|zip|gzip)\b/i

const jsonType = 'application/json'

type RenderedBody = { body: string; usage?: Usage | undefined; isEmpty?: boolean }

/** Stores the response if a later request may refer to it. */
const storeCompleteResponse = (rendered: RenderedBody, { storeResponse }: ResponsePipe): CompleteResponse => ({
  ...rendered,
  body: storeResponse ? storeFromMessage(rendered.body, storeResponse) : rendered.body,
  contentType: jsonType,
})

const passOrTranslateBody = (text: string, pipe: ResponsePipe): RenderedBody => {
  const { clientProtocol, vendorProtocol, exchange } = pipe
  if (clientProtocol.id !== vendorProtocol) return translateBody(text, pipe)
  const { text: body, usage, isEmpty = false } = clientProtocol.passthrough.passMessage(text, exchange)
  if (pipe.shouldRememberThoughts) rememberMessage(egressOf(vendorProtocol)!, text, exchange)
  return { body, usage, isEmpty }
}

/** Translates between two protocols of one kind. */
const translateBody = (text: string, { clientProtocol, vendorProtocol, exchange }: ResponsePipe): RenderedBody => {
  const vendor = vendorProtocolOf(vendorProtocol)
  if (clientProtocol.kind === 'chat' && vendor.kind === 'chat')
    return translateMessage(clientProtocol, vendor, text, exchange)
  if (clientProtocol.kind === 'unary' && vendor.kind === 'unary')
    return translateUnaryResponse(clientProtocol, vendor, text, exchange)
  throw untranslatable(clientProtocol.id, vendorProtocol)
}

const streamPipeFor = (pipe: ResponsePipe): StreamPipe =>
  pipe.storeResponse ? storeFromStream(passOrTranslateStream(pipe), pipe.storeResponse) : passOrTranslateStream(pipe)

/** Passes the stream if the client and the vendor use the same protocol, and translates it otherwise. */
const passOrTranslateStream = ({
  clientProtocol,
  vendorProtocol,
  exchange,
  shouldRememberThoughts,
}: ResponsePipe): StreamPipe => {
  if (clientProtocol.id !== vendorProtocol) {
    const egress = egressOf(vendorProtocol)
    if (clientProtocol.kind === 'chat' && egress) return translateStream(clientProtocol, egress, exchange)
    throw untranslatable(clientProtocol.id, vendorProtocol)
  }
  const pipe = clientProtocol.passthrough.pipeStream(exchange)
  return shouldRememberThoughts ? rememberStream(egressOf(vendorProtocol)!, pipe, exchange) : pipe
}

/**
 * Converts a complete response from a vendor that was asked for a stream. The text becomes a stream, or is passed as
 * JSON if the path has no translation.
 * @throws GatewayError the error that the body contains
 */
const streamCompleteResponse = (
  text: string,
  pipe: ResponsePipe,
): Pick<OpenedStream, 'text' | 'usage' | 'contentType' | 'isEmpty'> => {
  const { clientProtocol, exchange } = pipe
  const egress = egressOf(pipe.vendorProtocol)
  if (clientProtocol.kind !== 'chat' || !egress) {
    const { text: body, usage } = clientProtocol.passthrough.passMessage(text, exchange)
    return { text: body, usage, contentType: jsonType }
  }
  const { body, usage, isEmpty = false } = streamMessage(clientProtocol, egress, text, exchange)
  return { text: pipe.storeResponse ? storeFromFrames(body, pipe.storeResponse) : body, usage, isEmpty }
}

/** Collects a stream from a vendor that was asked for a complete response. */
const collectStreamedResponse = (bytes: Uint8Array, contentType: string, pipe: ResponsePipe): CompleteResponse => {
  const { clientProtocol, vendorProtocol, exchange } = pipe
  const egress = egressOf(vendorProtocol)
  if (clientProtocol.kind !== 'chat' || !egress) throw untranslatable(clientProtocol.id, vendorProtocol)
  const frames: Frame[] = []
  const frameParser = framingOf(contentType, pipe)(frame => frames.push(frame))
  frameParser.push(bytes)
  frameParser.end()
  return storeCompleteResponse(collectStream(clientProtocol, egress, frames, exchange), pipe)
}

const framingOf = (contentType: string | null, { exchange }: ResponsePipe): Framing =>
  isAwsEventStream(contentType) ? emit => awsEventStreamFraming(emit, exchange) : sseFraming

const isTranslatable = ({ clientProtocol, vendorProtocol }: ResponsePipe): boolean =>
  clientProtocol.kind === 'chat' && egressOf(vendorProtocol) !== undefined

const looksLikeEvents = (text: string): boolean => /^\s*(data|event|id|retry)?:/.test(text)

/** True for audio, images and everything else that is not text on a passthrough-only path. */
const isBinary = ({ clientProtocol, vendorProtocol }: ResponsePipe, contentType: string): boolean =>
  clientProtocol.id === vendorProtocol &&
  !protocols.has(clientProtocol.id) &&
  !/json|^text\/|event-stream|xml|^$/i.test(contentType)

/** Transcriptions may be plain text or subtitles. A page of HTML is never a valid response. */
const isPlainText = ({ clientProtocol }: ResponsePipe, contentType: string, text: string): boolean =>
  clientProtocol.answersPlainText === true && /^text\/(?!html)/i.test(contentType) && !/^\s*[{<]/.test(text)

/** An upload may be answered with events although its headers did not ask for a stream. */
const isPassthroughStream = ({ clientProtocol, vendorProtocol }: ResponsePipe, contentType: string): boolean =>
  clientProtocol.id === vendorProtocol &&
  !protocols.has(clientProtocol.id) &&
  contentType.startsWith('text/event-stream')
