/** What a vendor echoes of the configuration's secrets never reaches a client or the log, however it spells them and whichever protocol reads it. */
import { describe, expect, test } from 'bun:test'
import type { GatewayError } from '../../src/base/errors.ts'
import { createRedact } from '../../src/base/redact.ts'
import { tokenCounters } from '../../src/protocols/count-tokens.ts'
import type { Exchange } from '../../src/protocols/protocol.ts'
import {
  egressOnly,
  ingressOf,
  passthroughOnly,
  passthroughPaths,
  protocols,
  unaryEgressOf,
} from '../../src/protocols/registry.ts'
import { eventStream } from '../../src/upstream/framing/aws-event-stream.ts'
import { messageOf } from '../support/eventstream.ts'

const secret = 'canary-key/with"odd=characters'
const redact = createRedact([secret])
/** Every character as JSON may also spell it. */
const escaped = [...secret].map(letter => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
const upper = escaped.replace(/[a-f]/g, letter => letter.toUpperCase())
const json = JSON.stringify(secret).slice(1, -1)
const spellings = [escaped, upper, json, json.replaceAll('/', '\\/'), escaped.slice(0, 6) + json.slice(1)]

const bodies: readonly ((word: string) => string)[] = [
  word => `{"error":{"message":"your key ${word}","type":"${word}","code":"${word}","param":"${word}"}}`,
  word => `{"type":"error","error":{"type":"api_error","message":"${word}","${word}":1}}`,
  word => `{"error":{"code":400,"message":"${word}","status":"${word}","details":[{"${word}":["${word}"]}]}}`,
  word => `[{"error":{"code":400,"message":"${word}","status":"${word}"}}]`,
  word => `{"error":{"${word}":{"${word}":"${word}"},"message":"no"}}`,
  word => `{"detail":[{"loc":["${word}"],"msg":"${word}","type":"${word}"}]}`,
  word => `{"error":["${word}"]}`,
  word => `{"errors":[{"message":"${word}"}],"message":"${word}","code":"${word}"}`,
  word => `{"base_resp":{"status_code":1,"status_msg":"${word}"}}`,
  word => `"${word}"`,
  word => JSON.stringify({ error: { message: `upstream said {"error":"${word}"}` } }),
  word => `data: {"error":{"message":"${word}"}}\n\n`,
  word => `event: error\ndata: {"message":"${word}"}\n\n`,
  word => `broken {"error": "${word}"`,
  word => `words and ${word}`,
]

const singles = [
  'gemini/batchEmbedContents',
  'gemini/embedContent',
  'vertex/predict',
  'vertex/embedContent',
  'ollama/embed',
  'dashscope/embeddings',
  'cohere/embed',
  'cohere/rerank',
  'dashscope/rerank',
].flatMap(id => unaryEgressOf(id as never) ?? [])

const readers = [
  ...protocols.values(),
  ...egressOnly.values(),
  ...passthroughOnly.values(),
  ...tokenCounters.values(),
  ...singles,
]
const clients = [...protocols.values(), ...passthroughOnly.values()]

/** All that leaves: to the log, and to a client of whatever protocol. */
const told = (error: GatewayError): string =>
  [error.message, JSON.stringify(error.detail), ...clients.map(({ renderError }) => JSON.stringify(renderError(error)))]
    .concat(error.detail.body?.text ?? '')
    .join('\n')

/** Also as whoever reads the JSON sees it. */
const holds = (text: string): boolean =>
  spellings.some(word => text.includes(word)) || text.includes(secret) || text.replaceAll('\\"', '"').includes(secret)

describe('a refusal tells no secret', () => {
  for (const { id, parseError } of readers)
    test(`read by ${id}`, () => {
      for (const body of bodies)
        for (const spelling of spellings)
          for (const status of [400, 401, 404, 429, 500]) {
            const headers = new Headers({ 'x-amzn-errortype': 'canary', 'retry-after': '1' })
            const error = parseError(status, headers, body(spelling), { redact })
            expect([body(spelling), told(error), holds(told(error))]).toEqual([body(spelling), told(error), false])
          }
    })

  test('not as the name of an exception either', () => {
    const plain = createRedact(['canaryword'])
    const error = egressOnly
      .get('bedrock-converse')!
      .parseError(400, new Headers({ 'x-amzn-errortype': 'canaryword' }), '{}', { redact: plain })
    expect(told(error)).not.toMatch(/canaryword/i)
    const message = messageOf({ ':message-type': 'exception', ':exception-type': 'canaryword' }, '{}')
    let thrown: unknown
    try {
      eventStream(() => {}, { redact: plain }).push(message)
    } catch (fault) {
      thrown = fault
    }
    expect(told(thrown as GatewayError)).not.toMatch(/canaryword/i)
  })
})

describe('a frame nobody can read tells no secret', () => {
  const exchange = (): Exchange => ({
    id: 'id',
    created: 1,
    model: 'm',
    target: 't',
    usageRequested: true,
    loss: () => undefined,
    redact,
  })
  const frames = (word: string) => [
    { data: `broken ${word}` },
    { data: `{"x":"${word}"` },
    { data: `"${word}"` },
    { event: 'response.output_text.delta', data: `broken ${word}` },
    { event: 'content_block_delta', data: `broken ${word}` },
    { event: secret, data: `broken ${word}` },
    { event: 'error', data: `broken ${word}` },
  ]
  for (const { id, passthrough } of [...clients, ...passthroughPaths.flatMap(path => ingressOf(path) ?? [])])
    test(`passed by ${id}`, () => {
      for (const spelling of [secret, ...spellings])
        for (const frame of frames(spelling)) {
          const pipe = passthrough.pipeStream(exchange())
          const out = pipe.push(frame) + pipe.flush() + pipe.end()
          const fault = pipe.state.fault ? told(pipe.state.fault) + pipe.fail(pipe.state.fault) : ''
          expect([frame, out, holds(out + fault)]).toEqual([frame, out, false])
        }
    })
})
