/** Every protocol with both halves keeps the contract, over our own tapes and over the recordings. */
import { describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../src/base/json/json.ts'
import { protocols } from '../../src/protocols/registry.ts'
import { exchangeFor, framesOf, protocolContract, type Samples } from '../contracts/protocol.ts'
import { messages, requests, streams, toText } from '../fixtures/openai-chat.ts'
import { type Recording, recordings } from '../support/recordings.ts'
import { chunksOf, readNaively } from '../validators/naive.ts'
import { readMessage, readStream } from '../validators/openai-chat.ts'

const chat = protocols.get('openai-chat')!

/** Answers to a chat request; the list of stored chats is a GET of the same address. */
const every = recordings('chat-completions')
const all = every.filter(({ method }) => method === 'POST')
const good = all.filter(({ status, text }) => (status ?? 200) === 200 && !(text === ''))
const streamed = good.filter(({ events }) => events)
const whole = good.filter(({ events, text }) => !events && failureOf(text) === undefined)
const failed = good.filter(({ events, text }) => !events && failureOf(text) !== undefined)
const empty = all.filter(({ status, text }) => (status ?? 200) === 200 && text === '')
const refused = all.filter(({ status }) => status !== null && status >= 400)

function failureOf(text: string): unknown {
  const body = JSON.parse(text) as { error?: unknown; choices?: { error?: unknown }[] }
  return body.error ?? body.choices?.find(choice => choice.error)?.error
}

/** A stream that says it failed, or ends with neither `[DONE]` nor a finish. */
const isFault = ({ text }: Recording): boolean => {
  const { chunks, failed, done } = chunksOf(text)
  const finished = chunks.some(({ choices }) =>
    (choices as { finish_reason?: unknown }[] | undefined)?.some(one => one.finish_reason),
  )
  return failed || !(done || finished)
}

/** A picture in the answer of a tool becomes a message of the user, which comes back as one. */
const hasToolPicture = (body: JsonObject): boolean =>
  (body.messages as JsonObject[]).some(
    ({ role, content }) =>
      role === 'tool' && Array.isArray(content) && content.some(part => (part as JsonObject).type !== 'text'),
  )

const asked = good
  .filter(({ request }) => Array.isArray((request as JsonObject | undefined)?.messages))
  .map(({ file, request }) => ({ name: file, body: request as JsonObject }))

const own: Samples = {
  from: 'our tapes',
  streams: streams.map(tape => ({ name: tape.quirk, text: toText(tape), fault: tape.gives.fault !== undefined })),
  messages,
  requests,
}
const recorded: Samples = {
  from: `${all.length} recordings`,
  streams: streamed.map(one => ({ name: one.file, text: one.text, fault: isFault(one) })),
  messages: whole.map(({ file, text }) => ({ name: file, body: JSON.parse(text) as JsonObject })),
  requests: asked.filter(({ body }) => !hasToolPicture(body)),
}

protocolContract(chat, own)
protocolContract(chat, recorded)

describe(`the pass of openai-chat over ${all.length} recordings`, () => {
  const { model } = exchangeFor()

  test(`each belongs to one kind; ${every.length - all.length} are no chat requests`, () => {
    expect(every.filter(({ method }) => method !== 'POST' && method !== 'GET')).toEqual([])
    expect(streamed.length + whole.length + failed.length + empty.length + refused.length).toBe(all.length)
  })

  const pictured = asked.filter(({ body }) => hasToolPicture(body))
  test(`${pictured.length} requests with a picture in the answer of a tool: the user shows it after the answers`, () => {
    for (const { body } of pictured) {
      const { messages } = chat.renderRequest(
        chat.parseRequest(body, () => undefined),
        exchangeFor(),
      )
      const said = messages as JsonObject[]
      expect(said.filter(({ role, content }) => role === 'tool' && typeof content !== 'string')).toEqual([])
      const shown = said.findIndex(
        ({ role, content }) => role === 'user' && JSON.stringify(content).includes('"image_url"'),
      )
      expect(said[shown - 1]?.role).toBe('tool')
    }
  })

  test(`${streamed.length} streams are strict; text, thoughts, calls, finish and usage are the vendor's`, () => {
    for (const recording of streamed) {
      const { file, text } = recording
      const pipe = chat.passthrough.pipeStream(exchangeFor())
      let out = ''
      for (const frame of framesOf(text)) out += pipe.push(frame)
      out += pipe.end()
      expect({ file, fault: pipe.state.fault !== undefined }).toEqual({ file, fault: isFault(recording) })
      if (pipe.state.fault) expect(out).not.toContain('[DONE]')
      else
        expect({ file, ...told(readStream(out, model)) }).toEqual({
          file,
          ...told(readNaively(chunksOf(text).chunks, 'delta')),
        })
    }
  })

  test(`${whole.length} whole answers are strict; text, thoughts, calls, finish and usage are the vendor's`, () => {
    for (const { file, text } of whole) {
      const { text: out } = chat.passthrough.passMessage(text, exchangeFor())
      expect({ file, ...told(readMessage(out, model)) }).toEqual({
        file,
        ...told(readNaively([JSON.parse(text)], 'message')),
      })
    }
  })

  test(`${failed.length} answers with status 200 that tell an error throw it`, () => {
    for (const { text } of failed) expect(() => chat.passthrough.passMessage(text, exchangeFor())).toThrow()
  })

  test(`${empty.length} empty answers are none`, () => {
    for (const { events } of empty) {
      if (!events) expect(() => chat.passthrough.passMessage('', exchangeFor())).toThrow('nothing')
      const pipe = chat.passthrough.pipeStream(exchangeFor())
      expect(pipe.end()).toBe('')
      expect(pipe.state.fault?.code).toBe('upstream_failed')
    }
  })

  test(`${refused.length} refusals keep their status or say whose credentials they mean`, () => {
    for (const { file, status, headers, text } of refused) {
      const error = chat.parseError(status!, new Headers(headersOf(headers)), text, exchangeFor())
      const kept = error.code === 'upstream_credentials' ? 502 : status
      expect<unknown>({ file, status: error.status }).toEqual({ file, status: kept })
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

const told = ({ choices, usage }: ReturnType<typeof readNaively>) => ({
  choices: choices.map(({ text, reasoning, refusal, calls, finish }) => ({ text, reasoning, refusal, calls, finish })),
  usage: usage && { prompt: usage.prompt_tokens, completion: usage.completion_tokens, total: usage.total_tokens },
})

const headersOf = (headers: Record<string, unknown>): [string, string][] =>
  Object.entries(headers).map(([name, value]) => [name, String(Array.isArray(value) ? value[0] : value)])
