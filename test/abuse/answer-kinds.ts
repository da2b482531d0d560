/** Answers of vendors that grow in one place, whole and streamed, for every pair of protocols. */
import type { Json, JsonObject } from '../../src/base/json/json.ts'
import { writeJson } from '../../src/base/json/raw.ts'
import type { Citation, Message, Part } from '../../src/ir/chat.ts'
import { replayMessage } from '../../src/ir/collect.ts'
import type { Egress, Ingress } from '../../src/protocols/protocol.ts'
import { clientProtocolOf, clientProtocols, egressOf } from '../../src/protocols/registry.ts'
import {
  collectStream,
  streamMessage,
  translateMessage,
  translateStream,
} from '../../src/protocols/shared/translate.ts'
import { createSealStore } from '../../src/store/seals.ts'
import { sseFraming } from '../../src/upstream/framing/sse.ts'
import { exchangeFor } from '../contracts/protocol.ts'

const times = <T>(count: number, create: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => create(index))

/** Protocols with both halves: the client's half writes the answers of the vendor. */
export const chatProtocols = ['anthropic', 'gemini', 'openai-chat', 'openai-responses']
const ingressOf = (id: string): Ingress => clientProtocolOf(id) as Ingress
const vendorOf = (id: string): Egress => egressOf(id)!

const exchange = () => exchangeFor({ seals: createSealStore().forCaller('') })

const call = (index: number): Part => ({ type: 'call', id: `c${index}`, name: 'f', args: '{}' })
const source = (index: number): Citation => ({
  url: `https://example.com/${index}`,
  title: 'x',
  start: index,
  end: index + 1,
})

/** The parts of an answer of each kind. */
export const answerParts: Record<string, (size: number) => Part[]> = {
  calls: size => times(size, call),
  'calls with one id': size => times(size, () => call(0)),
  'texts and thoughts in turn': size =>
    times(size, at => (at % 2 === 0 ? { type: 'text', text: 'x' } : { type: 'reasoning', text: 'y' })),
  'citations of one text': size => [{ type: 'text', text: 'é'.repeat(size + 1), citations: times(size, source) }],
  'one long text': size => [{ type: 'text', text: 'x'.repeat(size) }],
}

const messageOf = (parts: Part[]): Message => ({ id: 'a', model: 'm', parts, finish: 'stop' })

export const wholeText = (vendor: string, parts: Part[]): string =>
  writeJson(ingressOf(vendor).renderMessage(messageOf(parts), exchangeFor()))

const streamText = (vendor: string, parts: Part[]): string => {
  const ingress = ingressOf(vendor)
  let text = ''
  const render = ingress.renderStream(exchangeFor())(frame => {
    text += ingress.renderFrame(frame)
  })
  for (const event of replayMessage(messageOf(parts))) render(event)
  render(undefined)
  return text
}

const encoder = new TextEncoder()

/** Ways in which the answer of a vendor reaches a client. Each returns the work, which returns the length of its output. */
export const answerWays: Record<string, (client: string, vendor: string, parts: Part[]) => () => number> = {
  whole: (client, vendor, parts) => readWhole(client, vendor, wholeText(vendor, parts)),
  streamed: (client, vendor, parts) => streamWork(client, vendor, streamText(vendor, parts)),
  'whole for a stream': (client, vendor, parts) => {
    const text = wholeText(vendor, parts)
    return () => streamMessage(ingressOf(client), vendorOf(vendor), text, exchange()).body.length
  },
  'streamed for a whole': (client, vendor, parts) => {
    const bytes = encoder.encode(streamText(vendor, parts))
    return () => {
      const frames: { data: string }[] = []
      const reader = sseFraming(frame => frames.push(frame))
      reader.push(bytes)
      reader.end()
      return collectStream(ingressOf(client), vendorOf(vendor), frames, exchange()).body.length
    }
  },
}

/** Passes or translates a whole answer, as the gateway does. */
export const readWhole =
  (client: string, vendor: string, text: string): (() => number) =>
  () =>
    client === vendor
      ? ingressOf(client).passthrough.passMessage(text, exchange()).text.length
      : translateMessage(ingressOf(client), vendorOf(vendor), text, exchange()).body.length

/** Passes or translates a stream, as the gateway does. */
export const streamWork = (client: string, vendor: string, text: string): (() => number) => {
  const bytes = encoder.encode(text)
  return () => {
    const pipe =
      client === vendor
        ? clientProtocols.get(client)!.passthrough.pipeStream(exchange())
        : translateStream(ingressOf(client), vendorOf(vendor), exchange())
    let length = 0
    const reader = sseFraming(frame => {
      length += pipe.push(frame).length
    })
    reader.push(bytes)
    reader.end()
    return length + pipe.flush().length + pipe.end().length
  }
}

const data = (body: Json): string => `data: ${JSON.stringify(body)}\n\n`
const event = (body: JsonObject): string => `event: ${String(body['type'])}\n${data(body)}`
const delta = (delta: JsonObject, index = 0): string => data({ id: 'a', model: 'm', choices: [{ index, delta }] })
const callDelta = (index: number, args: string, id?: string): string =>
  delta({
    tool_calls: [
      { index, ...(id && { id, type: 'function' }), function: { ...(id && { name: 'f' }), arguments: args } },
    ],
  })
const finished = (index: number): string =>
  data({ id: 'a', model: 'm', choices: [{ index, delta: {}, finish_reason: 'stop' }] })
const block = (index: number, content: JsonObject): string =>
  event({ type: 'content_block_start', index, content_block: content })

/** Streams that no vendor should send. */
export const oddStreams: Record<string, { vendor: string; text: (size: number) => string }> = {
  'calls that stay open between texts': {
    vendor: 'openai-chat',
    text: size => times(size, at => callDelta(at, '{', `c${at}`) + delta({ content: 'x' })).join('') + finished(0),
  },
  'one call whose arguments seem complete again and again': {
    vendor: 'openai-chat',
    text: size =>
      callDelta(0, '[', 'c') +
      times(size, () => callDelta(0, '{},{}') + delta({ content: 'x' })).join('') +
      finished(0),
  },
  'calls with one index and an id each': {
    vendor: 'openai-chat',
    text: size => times(size, at => callDelta(0, '{}', `c${at}`)).join('') + finished(0),
  },
  'calls without arguments in one frame': {
    vendor: 'openai-chat',
    text: size =>
      delta({
        tool_calls: times(size, at => ({ index: at, id: `c${at}`, type: 'function', function: { name: 'f' } })),
      }) + finished(0),
  },
  'choices that end one by one': {
    vendor: 'openai-chat',
    text: size => times(size, at => delta({ content: 'x' }, at)).join('') + times(size, finished).join(''),
  },
  'entries of a field of the vendor': {
    vendor: 'openai-chat',
    text: size => times(size, at => delta({ reasoning_details: [{ index: at, text: 'x' }] })).join('') + finished(0),
  },
  'blocks that are not closed': {
    vendor: 'anthropic',
    text: size =>
      event({ type: 'message_start', message: { id: 'a', model: 'm', usage: {} } }) +
      times(size, at => block(at, { type: 'text', text: 'x' })).join('') +
      event({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: {} }) +
      event({ type: 'message_stop' }),
  },
  'a new member in each delta of a block of the vendor': {
    vendor: 'anthropic',
    text: size =>
      event({ type: 'message_start', message: { id: 'a', model: 'm', usage: {} } }) +
      block(0, { type: 'of_the_vendor' }) +
      times(size, at => event({ type: 'content_block_delta', index: 0, delta: { type: 'x', [`key${at}`]: 1 } })).join(
        '',
      ) +
      event({ type: 'message_stop' }),
  },
  'parts of a message that are not numbered from 0': {
    vendor: 'openai-responses',
    text: size =>
      times(size, at =>
        event({
          type: 'response.content_part.added',
          output_index: 0,
          content_index: at + 1,
          part: { type: 'output_text', text: '' },
        }),
      ).join('') + event({ type: 'response.completed', response: { id: 'resp_1', status: 'completed', output: [] } }),
  },
  'calls in one chunk': {
    vendor: 'gemini',
    text: size =>
      data({
        candidates: [
          {
            content: { parts: times(size, at => ({ functionCall: { name: `f${at}`, args: {} } })) },
            finishReason: 'STOP',
          },
        ],
      }),
  },
  'sources of one text': {
    vendor: 'gemini',
    text: size =>
      data({
        candidates: [
          {
            content: { parts: [{ text: 'é'.repeat(size) }] },
            groundingMetadata: {
              groundingChunks: [{ web: { uri: 'https://example.com', title: 'x' } }],
              groundingSupports: times(size, at => ({
                segment: { startIndex: at, endIndex: at + 2 },
                groundingChunkIndices: [0],
              })),
            },
            finishReason: 'STOP',
          },
        ],
      }),
  },
  'data lines without a blank line': {
    vendor: 'openai-chat',
    text: size => `${'data: [\n'.repeat(size)}\n${finished(0)}`,
  },
}
