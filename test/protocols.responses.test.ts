/** Responses: the contract of every protocol over the recordings and our tapes, its own machine over every stream, and its own rules. */
import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../src/errors.ts'
import type { Message } from '../src/ir/chat.ts'
import { collect, tell } from '../src/ir/collect.ts'
import type { Event } from '../src/ir/event.ts'
import { isObject, type Json, type JsonObject } from '../src/ir/json.ts'
import { sealPrefix, wrapSeal } from '../src/ir/seal.ts'
import { protocols } from '../src/protocols/index.ts'
import type { Frame } from '../src/protocols/protocol.ts'
import { translateStream } from '../src/protocols/translate.ts'
import { checkEvents, eventsOf, exchangeFor, framesOf, protocolContract, type Samples } from './contracts/protocol.ts'
import { type Recording, recordings } from './recordings.ts'
import { check, checkResponse } from './strict/openai-responses.ts'
import { messages, requests, streams } from './tapes/openai-responses.ts'

const responses = protocols.get('openai-responses')!
const chat = protocols.get('openai-chat')!

const every = recordings('responses')
/** What is asked of a stored answer (read, cancelled, its items listed) is another operation than to make one. */
const isMade = ({ method, url }: Recording): boolean =>
  method === 'POST' && !/\/(cancel|input_items|compact)\b/.test(url)
const made = every.filter(isMade)
const isRefusal = ({ status }: Recording): boolean => status !== null && status >= 400
const bodyOf = ({ text }: Recording): JsonObject => JSON.parse(text) as JsonObject
const streamed = made.filter(({ events }) => events)
const whole = made.filter(one => !one.events && !isRefusal(one) && Array.isArray(bodyOf(one).output))
const refused = made.filter(one => !one.events && isRefusal(one))
const strange = made.filter(one => !one.events && !isRefusal(one) && !Array.isArray(bodyOf(one).output))

const isFault = ({ text }: Recording): boolean => !/"type":\s?"response\.(completed|incomplete)"/.test(text)

/** An id that is none of this protocol's is replaced: the answer is ours then (see told.ts). */
const named = (text: string): string =>
  text
    .replace(/("response":\s?\{(?:(?!"output"|"id")[^{}]|\{[^{}]*\})*"id":\s?")(?!resp_)/g, '$1resp_')
    .replace(/^(\{\s*(?:"(?!output|id)\w+":[^{}[\]]*,\s*)*"id":\s?")(?!resp_)/, '$1resp_')

const own: Samples = { from: 'our tapes', streams, messages, requests }

/** State of a vendor's that no other could know is refused, which has a test of its own. */
const isStateless = ({ prompt, conversation, background }: JsonObject): boolean =>
  !prompt && !conversation && !background
const asked = made.flatMap(({ file, request }) =>
  isObject(request) && isStateless(request) ? [{ name: file, body: request }] : [],
)
const recorded: Samples = {
  from: `${made.length} of ${every.length} recordings`,
  streams: streamed.map(one => ({ name: one.file, text: named(one.text), fault: isFault(one) })),
  messages: whole.map(one => ({ name: one.file, body: JSON.parse(named(one.text)) as Json })),
  requests: asked,
}

protocolContract(responses, own)
protocolContract(responses, recorded)

const messageOf = (events: readonly Event[]): Message => {
  const collector = collect()
  for (const event of events) collector.push(event)
  return collector.message()
}

const rendered = (events: readonly Event[], asked?: JsonObject): Frame[] => {
  const frames: Frame[] = []
  const render = responses.renderStream(exchangeFor({ id: 'resp_0123456789abcdef', ...(asked && { asked }) }))(frame =>
    frames.push(frame),
  )
  for (const event of events) render(event)
  render(undefined)
  return frames
}
const bodies = (frames: readonly Frame[]): JsonObject[] => frames.map(({ data }) => JSON.parse(data) as JsonObject)
const typesOf = (frames: readonly Frame[]): unknown[] => bodies(frames).map(({ type }) => type)

describe('recordings', () => {
  test(`${made.length} recordings are of one kind each; ${every.length - made.length} are of stored answers`, () => {
    expect(streamed.length + whole.length + refused.length + strange.length).toBe(made.length)
    for (const one of strange) expect(() => responses.watch.passMessage(one.text, exchangeFor())).toThrow(GatewayError)
  })

  test(`${streamed.length} streams: what is rendered from their events is strict`, () => {
    for (const { file, text } of streamed) {
      const frames = rendered(eventsOf(responses, framesOf(text)).filter(({ type }) => type !== 'fault'))
      expect({ file, wrong: check(frames).filter(one => one !== 'no end') }).toEqual({ file, wrong: [] })
    }
  })

  test(`${whole.length} whole answers: what is rendered from them is strict, whole and told as a stream`, () => {
    for (const { file, text } of whole) {
      const message = responses.parseMessage(JSON.parse(text) as Json, exchangeFor())
      const body = responses.renderMessage(message, exchangeFor()) as JsonObject
      expect({ file, wrong: checkResponse(body) }).toEqual({ file, wrong: [] })
      expect({ file, wrong: check(rendered(tell(message))) }).toEqual({ file, wrong: [] })
    }
  })

  test(`${streamed.length} streams: parts, finish and usage are what their last event holds`, () => {
    for (const { file, text } of streamed.filter(one => !isFault(one))) {
      const last = framesOf(text).flatMap(({ data }) => {
        const body = data === '[DONE]' ? {} : (JSON.parse(data) as JsonObject)
        return body.type === 'response.completed' || body.type === 'response.incomplete' ? [body.response!] : []
      })[0] as JsonObject
      if (!Array.isArray(last.output) || last.output.length === 0) continue
      const events = eventsOf(responses, framesOf(text))
      const told = responses.parseMessage(last, exchangeFor())
      const { id: _id, ...streamedMessage } = messageOf(events)
      const { id: _other, ...wholeMessage } = told
      expect({ file, ...plain(streamedMessage) }).toEqual({ file, ...plain(wholeMessage) })
    }
  })

  test(`${refused.length} refusals keep their status, or say whose credentials they mean`, () => {
    for (const { file, status, headers, text } of refused) {
      const error = responses.parseError(status!, new Headers(headers), text, exchangeFor())
      expect({ file, status: error.status }).toEqual({
        file,
        status: error.code === 'upstream_credentials' ? 502 : status!,
      })
    }
  })

  const chats = recordings('chat-completions').filter(
    ({ method, status, events }) => method === 'POST' && (status ?? 200) === 200 && events,
  )
  test(`${chats.length} streams of Chat Completions: what is rendered from their events is strict`, () => {
    for (const { file, text } of chats) {
      const events = eventsOf(chat, framesOf(text))
      const faulty = events.at(-1)?.type === 'fault'
      expect({ file, wrong: check(rendered(events)) }).toEqual({ file, wrong: [] })
      if (faulty)
        expect(typesOf(rendered(events)).at(-1)).toBe(events[0]?.type === 'start' ? 'response.failed' : 'error')
    }
  })
})

/** What the order of two tellings may change: the names a vendor gives an item anew. */
const plain = (message: Omit<Message, 'id'>): JsonObject =>
  JSON.parse(
    JSON.stringify(message).replace(/"(encrypted_content|id|item_id|result|fingerprint)":"[^"]*"/g, '"$1":""'),
  ) as JsonObject
