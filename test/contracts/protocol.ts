/**
 * The contract that every wire format fulfils. A protocol registers with its samples (bodies as a vendor sends them);
 * test/protocols/contract.test.ts does so for openai-chat.
 */
import { describe, expect, test } from 'bun:test'
import { type ErrorCode, errorCodes, GatewayError } from '../../src/base/errors.ts'
import type { Json, JsonObject } from '../../src/base/json/json.ts'
import type { Message } from '../../src/ir/chat.ts'
import { createCollector, replayMessage } from '../../src/ir/collect.ts'
import type { Event } from '../../src/ir/event.ts'
import type { Exchange, Frame, Protocol } from '../../src/protocols/protocol.ts'
import { translateStream } from '../../src/protocols/shared/translate.ts'
import { sseFraming } from '../../src/upstream/framing/sse.ts'
import { recordedTest, seededRandom } from '../support/recordings.ts'

export type Samples = {
  /** The samples come from recordings, which may not be there. Fixtures of our own must have one of each kind. */
  recorded?: boolean
  /** The origin of the samples, for the test names. */
  source: string
  /** Complete streams as text; `fault` if the vendor reported an error or the stream was cut off. */
  streams: { name: string; text: string; fault: boolean }[]
  messages: { name: string; body: Json }[]
  /** Bodies that a vendor accepted. */
  requests: { name: string; body: JsonObject }[]
}

export const exchangeFor = (change: Partial<Exchange> = {}): Exchange => ({
  id: 'chatcmpl-0123456789abcdef01234567',
  created: 1_700_000_000,
  model: 'the-clients-model',
  sealOrigin: 'here/0/there',
  usageRequested: true,
  loss: () => undefined,
  redact: text => text,
  ...change,
})

/** The frames of bytes that arrive in pieces, cut at these offsets. */
export const framesCutAt = (bytes: Uint8Array, cuts: readonly number[]): Frame[] => {
  const frames: Frame[] = []
  const reader = sseFraming(frame => frames.push(frame))
  let source = 0
  for (const cut of [...cuts, bytes.length]) {
    reader.push(bytes.subarray(source, cut))
    source = cut
  }
  reader.end()
  return frames
}

const encoder = new TextEncoder()
export const framesOf = (text: string): Frame[] => framesCutAt(encoder.encode(text), [])

export const eventsOf = (protocol: Protocol, frames: readonly Frame[]): Event[] => {
  const events: Event[] = []
  const parse = protocol.parseStream(exchangeFor())(event => events.push(event))
  for (const frame of frames) parse(frame)
  parse(undefined)
  return events
}

const messageOf = (events: readonly Event[]): Message => {
  const collector = createCollector()
  for (const event of events) collector.push(event)
  return collector.message()
}

/** Checks the guarantees of ir/event.ts. */
export const checkEvents = (events: readonly Event[]): void => {
  const open = new Set<number>()
  const used = new Set<number>()
  let finished = 0
  events.forEach((event, position) => {
    const last = position === events.length - 1
    if (event.type === 'start') expect(position).toBe(0)
    if (event.type === 'open' || event.type === 'part') {
      expect(used.has(event.at)).toBe(false)
      used.add(event.at)
    }
    if (event.type === 'open') open.add(event.at)
    if (event.type === 'delta' || event.type === 'seal' || event.type === 'cite') expect(open.has(event.at)).toBe(true)
    if (event.type === 'delta') expect(event.text).not.toBe('')
    if (event.type === 'close') expect(open.delete(event.at)).toBe(true)
    if (event.type === 'finish') finished++
    if (event.type === 'finish') expect(last).toBe(true)
    if (event.type === 'fault') expect(last).toBe(true)
  })
  expect([...open]).toEqual([])
  const end = events.at(-1)?.type
  expect(finished).toBe(end === 'fault' ? 0 : 1)
  if (end !== 'fault') expect(events[0]?.type).toBe('start')
}

export const protocolContract = (protocol: Protocol, samples: Samples): void => {
  describe(`${protocol.id}, ${samples.source}`, () => {
    streamContract(protocol, samples)
    messageContract(protocol, samples)
    requestContract(protocol, samples)
    if (!samples.recorded) renderContract(protocol)
  })
}

type Check = () => void
/** A test over samples. Without any it is skipped if they would be recorded, and fails if they would be our own. */
const sampleTest = (
  samples: readonly unknown[],
  recorded: boolean | undefined,
  name: string,
  check: Check,
  timeoutMs?: number,
): void => {
  if (recorded) recordedTest(samples, name, check, timeoutMs)
  else
    test(
      name,
      () => {
        expect(samples.length).toBeGreaterThan(0)
        check()
      },
      timeoutMs,
    )
}

const streamContract = (protocol: Protocol, { streams, recorded }: Samples): void => {
  sampleTest(
    streams,
    recorded,
    `${streams.length} streams fulfil the guarantees of events and end with the expected event`,
    () => {
      for (const { name, text, fault } of streams) {
        const events = eventsOf(protocol, framesOf(text))
        checkEvents(events)
        expect({ name, end: events.at(-1)?.type }).toEqual({ name, end: fault ? 'fault' : 'finish' })
      }
    },
  )

  sampleTest(
    streams,
    recorded,
    `${streams.length} streams give the same frames and events one byte at a time and at 64 seeded cuts`,
    () => {
      for (const { text } of streams) {
        const bytes = encoder.encode(text)
        const uncut = framesCutAt(bytes, [])
        expect(
          framesCutAt(
            bytes,
            Array.from(bytes, (_, at) => at),
          ),
        ).toEqual(uncut)
        const random = seededRandom(bytes.length)
        const cuts = Array.from({ length: 64 }, () => Math.floor(random() * bytes.length)).sort(
          (left, right) => left - right,
        )
        const pieces = framesCutAt(bytes, cuts)
        expect(pieces).toEqual(uncut)
        expect(eventsOf(protocol, pieces)).toEqual(eventsOf(protocol, uncut))
      }
    },
    60_000,
  )

  sampleTest(
    streams,
    recorded,
    `${streams.length} streams are the same after being parsed, collected, rendered and parsed again`,
    () => {
      for (const { name, text, fault } of streams) {
        if (fault) continue
        const message = messageOf(eventsOf(protocol, framesOf(text)))
        const frames: Frame[] = []
        const render = protocol.renderStream(exchangeFor())(frame => frames.push(frame))
        for (const event of replayMessage(message)) render(event)
        render(undefined)
        const again = messageOf(eventsOf(protocol, framesOf(frames.map(protocol.renderFrame).join(''))))
        expect({ name, ...again }).toEqual({ name, ...message, model: exchangeFor().model })
      }
    },
  )

  sampleTest(
    streams,
    recorded,
    'a translated stream reports a fault to its caller and does not render it for the client',
    () => {
      for (const { text, fault } of streams) {
        const pipe = translateStream(protocol, protocol, exchangeFor())
        let out = ''
        for (const frame of framesOf(text)) out += pipe.push(frame)
        out += pipe.end()
        expect(pipe.state.fault !== undefined).toBe(fault)
        const end = [] as Frame[]
        const render = protocol.renderStream(exchangeFor())(frame => end.push(frame))
        if (fault) render({ type: 'fault', error: pipe.state.fault! })
        expect(pipe.fail(pipe.state.fault ?? new GatewayError('internal', 'x'))).not.toBe('')
        if (fault) expect(out).not.toContain(protocol.renderFrame(end[0]!))
      }
    },
  )
}

const messageContract = (protocol: Protocol, { messages, recorded }: Samples): void => {
  sampleTest(
    messages,
    recorded,
    `${messages.length} complete answers are the same after being parsed, rendered and parsed again`,
    () => {
      for (const { name, body } of messages) {
        const message = protocol.parseMessage(structuredClone(body), exchangeFor())
        const again = protocol.parseMessage(protocol.renderMessage(message, exchangeFor()), exchangeFor())
        expect({ name, ...again }).toEqual({ name, ...message, model: exchangeFor().model })
      }
    },
  )

  sampleTest(messages, recorded, 'a complete answer equals the collected events of its replay', () => {
    for (const { name, body } of messages) {
      const message = protocol.parseMessage(structuredClone(body), exchangeFor())
      const events = replayMessage(message)
      checkEvents(events)
      expect({ name, ...messageOf(events) }).toEqual({ name, ...message })
    }
  })
}

const requestContract = (protocol: Protocol, { requests, recorded }: Samples): void => {
  sampleTest(
    requests,
    recorded,
    `${requests.length} requests are accepted, and are the same after being parsed, rendered and parsed again`,
    () => {
      for (const { name, body } of requests) {
        const before = JSON.stringify(body)
        protocol.checkRequest(body)
        const chat = protocol.parseRequest(body, () => undefined)
        expect(JSON.stringify(body)).toBe(before)
        const again = protocol.parseRequest(protocol.renderRequest(chat, exchangeFor()), () => undefined)
        // Some wire formats require a name for a schema; a schema without one gets a name.
        if (chat.format?.schema !== undefined && again.format?.name !== undefined)
          chat.format.name ??= again.format.name
        expect({ name, ...again }).toEqual({ name, ...chat })
      }
    },
  )
}

const renderContract = (protocol: Protocol): void => {
  test('content that only another protocol understands is noted as a loss and not sent', () => {
    const losses: string[] = []
    const seal = { by: 'another', value: { secret: 1 } }
    const chat = {
      model: 'm',
      stream: false,
      turns: [
        {
          role: 'user' as const,
          parts: [
            { type: 'text' as const, text: 'hi' },
            { type: 'foreign' as const, seal },
          ],
        },
      ],
      extra: seal,
    }
    const body = protocol.renderRequest(chat, exchangeFor({ loss: path => losses.push(path) }))
    expect(JSON.stringify(body)).not.toContain('secret')
    expect(losses).toHaveLength(2)
  })

  test('every error code is rendered with its message', () => {
    for (const code of Object.keys(errorCodes) as ErrorCode[])
      expect(JSON.stringify(protocol.renderError(new GatewayError(code, 'what is wrong')))).toContain('what is wrong')
  })
}
