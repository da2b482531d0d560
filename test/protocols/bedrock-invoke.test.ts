/** Claude by InvokeModel: AWS's framing contains Messages streams. Passed through or translated, they are valid. */
import { describe, expect } from 'bun:test'
import { GatewayError } from '../../src/base/errors.ts'
import { isObject, type JsonObject } from '../../src/base/json/json.ts'
import { createCollector } from '../../src/ir/collect.ts'
import type { Event } from '../../src/ir/event.ts'
import type { Frame } from '../../src/protocols/protocol.ts'
import { protocols } from '../../src/protocols/registry.ts'
import { translateMessage, translateStream } from '../../src/protocols/shared/translate.ts'
import { awsEventStreamFraming } from '../../src/upstream/framing/aws-event-stream.ts'
import { checkEvents, exchangeFor } from '../contracts/protocol.ts'
import { recordedTest, recordings } from '../support/recordings.ts'
import { readStream as readEvents } from '../validators/anthropic.ts'
import { readMessage, readStream } from '../validators/openai-chat.ts'

const anthropic = protocols.get('anthropic')!
const chat = protocols.get('openai-chat')!
const { model } = exchangeFor()

const all = recordings('bedrock-invoke').filter(({ url }) => /\/model\/[^/]*anthropic/.test(url))
const framesOf = (bytes: Uint8Array): Frame[] => {
  const frames: Frame[] = []
  const reader = awsEventStreamFraming(frame => frames.push(frame), exchangeFor())
  reader.push(bytes)
  reader.end()
  return frames
}
/** Claude 2 was called by completions, which are another protocol. */
const streams = all.flatMap(({ file, bytes }) => {
  const frames = bytes ? framesOf(bytes) : []
  return frames[0]?.event === 'message_start' ? [{ file, frames }] : []
})
const complete = all.filter(({ status, text }) => status === 200 && text.includes('"stop_reason"'))
const refused = all.filter(({ status }) => status !== null && status >= 400)
const others = all.length - streams.length - complete.length - refused.length

const eventsOf = (frames: readonly Frame[]): Event[] => {
  const events: Event[] = []
  const parse = anthropic.parseStream(exchangeFor())(event => events.push(event))
  for (const frame of frames) parse(frame)
  parse(undefined)
  return events
}

describe(`${all.length} recordings of Claude by InvokeModel, ${others} of them completions`, () => {
  recordedTest(all, 'each recording is a stream, a non-streaming response, a refusal or a completion', () => {
    expect(others).toBe(all.filter(({ url }) => url.includes('claude-v2')).length)
  })

  recordedTest(
    streams,
    `${streams.length} streams are valid Messages when passed through and valid chunks when translated`,
    () => {
      for (const { file, frames } of streams) {
        const events = eventsOf(frames)
        checkEvents(events)
        const collector = createCollector()
        for (const event of events) collector.push(event)
        const { parts, usage } = collector.message()
        expect({ file, parts: parts.length > 0, counted: usage !== undefined }).toEqual({
          file,
          parts: true,
          counted: true,
        })

        const pipe = anthropic.passthrough.pipeStream(exchangeFor())
        let out = ''
        for (const frame of frames) out += pipe.push(frame)
        out += pipe.end()
        expect({ file, stop: readEvents(out, model).stop === '' }).toEqual({ file, stop: false })
        expect(out).not.toContain('amazon-bedrock')

        const translation = translateStream(chat, anthropic, exchangeFor())
        let translated = ''
        for (const frame of frames) translated += translation.push(frame)
        readStream(translated + translation.end(), model)
      }
    },
  )

  recordedTest(
    complete,
    `${complete.length} non-streaming responses are valid when passed through and when translated`,
    () => {
      for (const { text } of complete) {
        const passedBody = JSON.parse(anthropic.passthrough.passMessage(text, exchangeFor()).text) as JsonObject
        expect(passedBody.model).toBe(model)
        expect(isObject(passedBody.usage)).toBe(true)
        readMessage(translateMessage(chat, anthropic, text, exchangeFor()).body, model)
      }
    },
  )

  recordedTest(refused, `${refused.length} refusals keep their status, except for refused credentials`, () => {
    for (const { file, status, headers, text } of refused) {
      const error = anthropic.parseError(status!, new Headers(headers), text, exchangeFor())
      expect(error).toBeInstanceOf(GatewayError)
      expect({ file, status: error.status }).toEqual({ file, status: status === 403 ? 502 : status! })
    }
  })
})
