/** A vendor's answer on its way to the client: whole or streamed, in the shape the client asked for, whatever shape the vendor chose. */
import { GatewayError } from '../base/errors.ts'
import { type IdleTimeouts, pipeBytes } from '../downstream/byte-stream.ts'
import type { OpenedStream } from '../downstream/event-stream.ts'
import { withHeaders } from '../downstream/response-headers.ts'
import type { ProtocolId, Usage } from '../ir/chat.ts'
import { tokenCounters } from '../protocols/count-tokens.ts'
import { openaiPass } from '../protocols/openai-pass/index.ts'
import {
  type StoreResponse,
  storeFromFrames,
  storeFromMessage,
  storeFromStream,
} from '../protocols/openai-responses/stored/store-response.ts'
import type { Exchange, Frame, Ingress, PassthroughProtocol, StreamPipe } from '../protocols/protocol.ts'
import { egressOf, ingressOf, passthroughOnly, protocols, unaryEgressOf } from '../protocols/registry.ts'
import { rememberMessage, rememberStream } from '../protocols/shared/thought-memory.ts'
import { collectStream, streamMessage, translateMessage, translateStream } from '../protocols/shared/translate.ts'
import { isUnary, translateUnaryResponse } from '../protocols/shared/unary.ts'
import type { RequestRecord } from '../telemetry/request-record.ts'
import type { UpstreamResponse } from '../upstream/call.ts'
import { UpstreamEventSource } from '../upstream/event-source.ts'
import { eventStream, isEventStream } from '../upstream/framing/aws-event-stream.ts'
import { type Framing, sse } from '../upstream/framing/sse.ts'
import { readBytes, readError, readRest, readText, sniff } from '../upstream/read-body.ts'

/** Between whom the answer goes. */
export type ResponsePipe = {
  client: Ingress | PassthroughProtocol
  speaks: ProtocolId
  exchange: Exchange
  remembers: boolean
  keep?: StoreResponse | undefined
}

/** A whole answer: text, or bytes that are handed on as they come. */
export type CompleteResponse = { body: string | ReadableStream<Uint8Array>; type: string; usage?: Usage | undefined }

/** @throws always: the vendor's refusal, its status not being a 2xx. */
export const refuse = async (answered: UpstreamResponse, { speaks, exchange }: ResponsePipe): Promise<never> => {
  const { status, headers } = answered.response
  const text = await readError(answered)
  if (status === 407) throw new GatewayError('upstream_failed', "the proxy refused the gateway's credentials")
  const known = egressOf(speaks) ?? passthroughOnly.get(speaks) ?? tokenCounters.get(speaks) ?? unaryEgressOf(speaks)
  const reader = known ?? openaiPass(speaks)
  throw withHeaders(reader.parseError(status, headers, text, exchange), headers, exchange.redact)
}

/** Reads a stream up to its first content. @throws what failed before that, with its true status. */
export const openStream = async (
  answered: UpstreamResponse,
  pipe: ResponsePipe,
  idle: number,
  keep: (source: UpstreamEventSource) => void,
): Promise<OpenedStream> => {
  const { reader, first, events } = await sniff(answered, idle)
  const { headers } = answered.response
  if (!events) return { headers, ...tellWhole(await readRest(reader, first, answered, idle), pipe) }
  const source = new UpstreamEventSource(
    reader,
    passingOf(pipe),
    answered.deadline,
    idle,
    first,
    framingOf(headers.get('content-type'), pipe),
  )
  keep(source)
  return { headers, text: await source.commit(), source }
}

/** Reads an answer that is not streamed. @throws GatewayError where it is none. */
export const readWhole = async (
  answered: UpstreamResponse,
  pipe: ResponsePipe,
  patience: IdleTimeouts,
  record: RequestRecord,
): Promise<CompleteResponse> => {
  const idle = patience.vendor
  const type = answered.response.headers.get('content-type') ?? ''
  const isHandedOn = isBinary(pipe, type) || isPassingStream(pipe, type)
  if (isHandedOn && answered.response.body) return { body: pipeBytes(answered, patience, record), type }
  if (isEventStream(type) && answered.response.body)
    return collected(await readBytes(answered.response.body.getReader(), undefined, answered, idle), type, pipe)
  const text = await readText(answered, idle)
  if (looksLikeEvents(text) && isTranslatable(pipe)) return collected(new TextEncoder().encode(text), type, pipe)
  if (isPlain(pipe, type, text)) return { body: text, type }
  return kept(passOrTranslate(text, pipe), pipe)
}

const json = 'application/json'

type RenderedBody = { body: string; usage?: Usage | undefined }

/** A whole answer that the client can go on from is kept. */
const kept = (told: RenderedBody, { keep }: ResponsePipe): CompleteResponse => ({
  ...told,
  body: keep ? storeFromMessage(told.body, keep) : told.body,
  type: json,
})

const passOrTranslate = (text: string, pipe: ResponsePipe): RenderedBody => {
  const { client, speaks, exchange } = pipe
  if (client.id !== speaks && isUnary(client))
    return translateUnaryResponse(client, unaryEgressOf(speaks)!, text, exchange)
  if (client.id !== speaks) return translateMessage(client as Ingress, egressOf(pipe.speaks)!, text, exchange)
  const { text: body, usage } = client.passthrough.passMessage(text, exchange)
  if (pipe.remembers) rememberMessage(egressOf(speaks)!, text, exchange)
  return { body, usage }
}

const passingOf = (pipe: ResponsePipe): StreamPipe =>
  pipe.keep ? storeFromStream(wayBack(pipe), pipe.keep) : wayBack(pipe)

/** The one `if` of the way back: the client's own protocol passes, another is translated. */
const wayBack = ({ client, speaks, exchange, remembers }: ResponsePipe): StreamPipe => {
  if (client.id !== speaks) return translateStream(client as Ingress, egressOf(speaks)!, exchange)
  const pipe = client.passthrough.pipeStream(exchange)
  return remembers ? rememberStream(egressOf(speaks)!, pipe, exchange) : pipe
}

/** A vendor that was asked for a stream answered whole: told as a stream, or passed where the path knows no translation. @throws the fault it tells */
const tellWhole = (text: string, pipe: ResponsePipe): Pick<OpenedStream, 'text' | 'usage' | 'type'> => {
  if (!isTranslatable(pipe)) {
    const { text: body, usage } = pipe.client.passthrough.passMessage(text, pipe.exchange)
    return { text: body, usage, type: json }
  }
  const { body, usage } = streamMessage(pipe.client as Ingress, egressOf(pipe.speaks)!, text, pipe.exchange)
  return { text: pipe.keep ? storeFromFrames(body, pipe.keep) : body, usage }
}

/** A stream that came where a whole answer was asked for. */
const collected = (bytes: Uint8Array, type: string, pipe: ResponsePipe): CompleteResponse => {
  const frames: Frame[] = []
  const reader = framingOf(type, pipe)(frame => frames.push(frame))
  reader.push(bytes)
  reader.end()
  return kept(collectStream(pipe.client as Ingress, egressOf(pipe.speaks)!, frames, pipe.exchange), pipe)
}

const framingOf = (type: string | null, { exchange }: ResponsePipe): Framing =>
  isEventStream(type) ? emit => eventStream(emit, exchange) : sse

const isTranslatable = ({ client, speaks }: ResponsePipe): boolean =>
  ingressOf(client.id) !== undefined && egressOf(speaks) !== undefined
const looksLikeEvents = (text: string): boolean => /^\s*(data|event|id|retry)?:/.test(text)

/** Sound, pictures: everything a path that only passes may answer and that is not text. */
const isBinary = ({ client, speaks }: ResponsePipe, type: string): boolean =>
  client.id === speaks && !protocols.has(client.id) && !/json|^text\/|event-stream|xml|^$/i.test(type)

/** Transcriptions may be plain text or subtitles; a page of HTML is nobody's answer. */
const isPlain = ({ client }: ResponsePipe, type: string, text: string): boolean =>
  client.id.startsWith('audio/') && /^text\/(?!html)/i.test(type) && !/^\s*[{<]/.test(text)

/** An upload may be answered in events although nothing in its head said so. */
const isPassingStream = ({ client, speaks }: ResponsePipe, type: string): boolean =>
  client.id === speaks && !protocols.has(client.id) && type.startsWith('text/event-stream')
