/** Protocols with both halves fulfil the contract, over our own fixtures and over the recordings. */
import { describe, expect } from 'bun:test'
import type { JsonObject } from '../../src/base/json/json.ts'
import { protocols } from '../../src/protocols/registry.ts'
import { exchangeFor, framesOf, protocolContract, type Samples } from '../contracts/protocol.ts'
import { messages, requests, streams, toText } from '../fixtures/openai-chat.ts'
import { expectedStatus } from '../support/expected-status.ts'
import { type Recording, recordedTest, recordings } from '../support/recordings.ts'
import { chunksOf, readNaively } from '../validators/naive.ts'
import { readMessage, readStream } from '../validators/openai-chat.ts'

const chat = protocols.get('openai-chat')!

/** Answers to a chat request. The list of stored chats is a GET of the same path. */
const allRecordings = recordings('chat-completions')
const posts = allRecordings.filter(({ method }) => method === 'POST')
const successful = posts.filter(({ status, text }) => (status ?? 200) === 200 && !(text === ''))
const streamed = successful.filter(({ isEventStream }) => isEventStream)
const complete = successful.filter(({ isEventStream, text }) => !isEventStream && failureOf(text) === undefined)
const failed = successful.filter(({ isEventStream, text }) => !isEventStream && failureOf(text) !== undefined)
const empty = posts.filter(({ status, text }) => (status ?? 200) === 200 && text === '')
const refused = posts.filter(({ status }) => status !== null && status >= 400)

function failureOf(text: string): unknown {
  const body = JSON.parse(text) as { error?: unknown; choices?: { error?: unknown }[] }
  return body.error ?? body.choices?.find(choice => choice.error)?.error
}

/** Whether a stream reports an error or ends with neither `[DONE]` nor a finish reason. */
const isFault = ({ text }: Recording): boolean => {
  const { chunks, failed, done } = chunksOf(text)
  const finished = chunks.some(({ choices }) =>
    (choices as { finish_reason?: unknown }[] | undefined)?.some(one => one.finish_reason),
  )
  return failed || !(done || finished)
}

/** An image in a tool result becomes a user message, which is parsed as one. */
const hasToolPicture = (body: JsonObject): boolean =>
  (body.messages as JsonObject[]).some(
    ({ role, content }) =>
      role === 'tool' && Array.isArray(content) && content.some(part => (part as JsonObject).type !== 'text'),
  )

const recordedRequests = successful
  .filter(({ request }) => Array.isArray((request as JsonObject | undefined)?.messages))
  .map(({ file, request }) => ({ name: file, body: request as JsonObject }))

const fixtureSamples: Samples = {
  source: 'our tapes',
  streams: streams.map(fixture => ({
    name: fixture.quirk,
    text: toText(fixture),
    fault: fixture.expected.fault !== undefined,
  })),
  messages,
  requests,
}
const recordedSamples: Samples = {
  recorded: true,
  source: `${posts.length} recordings`,
  streams: streamed.map(one => ({ name: one.file, text: one.text, fault: isFault(one) })),
  messages: complete.map(({ file, text }) => ({ name: file, body: JSON.parse(text) as JsonObject })),
  requests: recordedRequests.filter(({ body }) => !hasToolPicture(body)),
}

protocolContract(chat, fixtureSamples)
protocolContract(chat, recordedSamples)

describe(`passthrough of openai-chat over ${posts.length} recordings`, () => {
  const { model } = exchangeFor()

  recordedTest(
    allRecordings,
    `each recording belongs to one kind; ${allRecordings.length - posts.length} are not chat requests`,
    () => {
      expect(allRecordings.filter(({ method }) => method !== 'POST' && method !== 'GET')).toEqual([])
      expect(streamed.length + complete.length + failed.length + empty.length + refused.length).toBe(posts.length)
    },
  )

  const withPictures = recordedRequests.filter(({ body }) => hasToolPicture(body))
  recordedTest(
    withPictures,
    `${withPictures.length} requests with an image in a tool result: a user message after the results shows it`,
    () => {
      for (const { body } of withPictures) {
        const { messages } = chat.renderRequest(
          chat.parseRequest(body, () => undefined),
          exchangeFor(),
        )
        const rendered = messages as JsonObject[]
        expect(rendered.filter(({ role, content }) => role === 'tool' && typeof content !== 'string')).toEqual([])
        const pictureIndex = rendered.findIndex(
          ({ role, content }) => role === 'user' && JSON.stringify(content).includes('"image_url"'),
        )
        expect(rendered[pictureIndex - 1]?.role).toBe('tool')
      }
    },
  )

  recordedTest(
    streamed,
    `${streamed.length} streams become valid; text, reasoning, calls, finish and usage are the vendor's`,
    () => {
      for (const recording of streamed) {
        const { file, text } = recording
        const pipe = chat.passthrough.pipeStream(exchangeFor())
        let out = ''
        for (const frame of framesOf(text)) out += pipe.push(frame)
        out += pipe.end()
        expect({ file, fault: pipe.state.fault !== undefined }).toEqual({ file, fault: isFault(recording) })
        if (pipe.state.fault) expect(out).not.toContain('[DONE]')
        else
          expect({ file, ...summarize(readStream(out, model)) }).toEqual({
            file,
            ...summarize(readNaively(chunksOf(text).chunks, 'delta')),
          })
      }
    },
  )

  recordedTest(
    complete,
    `${complete.length} complete answers become valid; text, reasoning, calls, finish and usage are the vendor's`,
    () => {
      for (const { file, text } of complete) {
        const { text: out } = chat.passthrough.passMessage(text, exchangeFor())
        expect({ file, ...summarize(readMessage(out, model)) }).toEqual({
          file,
          ...summarize(readNaively([JSON.parse(text)], 'message')),
        })
      }
    },
  )

  recordedTest(failed, `${failed.length} answers with status 200 that report an error throw it`, () => {
    for (const { text } of failed) expect(() => chat.passthrough.passMessage(text, exchangeFor())).toThrow()
  })

  recordedTest(empty, `${empty.length} empty answers are errors`, () => {
    for (const { isEventStream } of empty) {
      if (!isEventStream) expect(() => chat.passthrough.passMessage('', exchangeFor())).toThrow('nothing')
      const pipe = chat.passthrough.pipeStream(exchangeFor())
      expect(pipe.end()).toBe('')
      expect(pipe.state.fault?.code).toBe('upstream_failed')
    }
  })

  recordedTest(refused, `${refused.length} error answers have the status that their words mean`, () => {
    for (const { file, status, headers, text } of refused) {
      const error = chat.parseError(status!, new Headers(headersOf(headers)), text, exchangeFor())
      const wanted = error.code === 'upstream_credentials' ? 502 : expectedStatus(status!, text)
      expect<unknown>({ file, status: error.status }).toEqual({ file, status: wanted })
      if (error.code === 'upstream_credentials') expect([400, 401, 402, 403]).toContain(status ?? 0)
      const { error: body } = chat.renderError(error) as { error: { message: string } }
      expect<unknown>({ file, type: typeof body.message, empty: body.message === '' }).toEqual({
        file,
        type: 'string',
        empty: false,
      })
      expect(JSON.stringify(body)).not.toMatch(/\w\*{3}|\*{3}\w/)
    }
  })
})

const summarize = ({ choices, usage }: ReturnType<typeof readNaively>) => ({
  choices: choices.map(({ text, reasoning, refusal, calls, finish }) => ({ text, reasoning, refusal, calls, finish })),
  usage: usage && { prompt: usage.prompt_tokens, completion: usage.completion_tokens, total: usage.total_tokens },
})

const headersOf = (headers: Record<string, unknown>): [string, string][] =>
  Object.entries(headers).map(([name, value]) => [name, String(Array.isArray(value) ? value[0] : value)])
