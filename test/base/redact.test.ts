/** A configured secret that a vendor echoes never reaches a client or the log, in any spelling and in any protocol. */
import { describe, expect, test } from 'bun:test'
import type { GatewayError } from '../../src/base/errors.ts'
import { createRedact } from '../../src/base/redact.ts'
import { tokenCounters } from '../../src/protocols/count-tokens.ts'
import type { Exchange } from '../../src/protocols/protocol.ts'
import {
  clientProtocolOf,
  egressOf,
  passthroughPaths,
  protocols,
  unaryEgressOf,
  vendorProtocolOf,
} from '../../src/protocols/registry.ts'
import { awsEventStreamFraming } from '../../src/upstream/framing/aws-event-stream.ts'
import { messageOf } from '../support/aws-event-stream.ts'

const secret = 'canary-key/with"odd=characters'
const redact = createRedact([secret])
/** The secret with every character escaped, as JSON allows. */
const escaped = [...secret].map(character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
const upper = escaped.replace(/[a-f]/g, character => character.toUpperCase())
const json = JSON.stringify(secret).slice(1, -1)
const spellings = [escaped, upper, json, json.replaceAll('/', '\\/'), escaped.slice(0, 6) + json.slice(1)]

const bodies: readonly ((spelling: string) => string)[] = [
  spelling =>
    `{"error":{"message":"your key ${spelling}","type":"${spelling}","code":"${spelling}","param":"${spelling}"}}`,
  spelling => `{"type":"error","error":{"type":"api_error","message":"${spelling}","${spelling}":1}}`,
  spelling =>
    `{"error":{"code":400,"message":"${spelling}","status":"${spelling}","details":[{"${spelling}":["${spelling}"]}]}}`,
  spelling => `[{"error":{"code":400,"message":"${spelling}","status":"${spelling}"}}]`,
  spelling => `{"error":{"${spelling}":{"${spelling}":"${spelling}"},"message":"no"}}`,
  spelling => `{"detail":[{"loc":["${spelling}"],"msg":"${spelling}","type":"${spelling}"}]}`,
  spelling => `{"error":["${spelling}"]}`,
  spelling => `{"errors":[{"message":"${spelling}"}],"message":"${spelling}","code":"${spelling}"}`,
  spelling => `{"base_resp":{"status_code":1,"status_msg":"${spelling}"}}`,
  spelling => `"${spelling}"`,
  spelling => JSON.stringify({ error: { message: `upstream said {"error":"${spelling}"}` } }),
  spelling => `data: {"error":{"message":"${spelling}"}}\n\n`,
  spelling => `event: error\ndata: {"message":"${spelling}"}\n\n`,
  spelling => `broken {"error": "${spelling}"`,
  spelling => `words and ${spelling}`,
]

const unaryEgresses = [
  'gemini/batchEmbedContents',
  'gemini/embedContent',
  'vertex/predict',
  'vertex/embedContent',
  'ollama/embed',
  'dashscope/embeddings',
  'cohere/embed',
  'cohere/rerank',
  'dashscope/rerank',
].flatMap(id => unaryEgressOf(id) ?? [])

const errorParsers = [
  ...protocols.values(),
  vendorProtocolOf('bedrock-converse'),
  ...passthroughPaths.map(vendorProtocolOf),
  ...tokenCounters.values(),
  ...unaryEgresses,
]
const clients = [...protocols.values(), ...passthroughPaths.map(clientProtocolOf)]

/** Everything that leaves the process: to the log, and to a client of any protocol. */
const visibleText = (error: GatewayError): string =>
  [error.message, JSON.stringify(error.detail), ...clients.map(({ renderError }) => JSON.stringify(renderError(error)))]
    .concat(error.detail.body?.text ?? '')
    .join('\n')

/** Also looks at the text with JSON escapes resolved. */
const containsSecret = (text: string): boolean =>
  spellings.some(spelling => text.includes(spelling)) ||
  text.includes(secret) ||
  text.replaceAll('\\"', '"').includes(secret)

describe('a vendor error contains no secret', () => {
  for (const { id, parseError } of errorParsers)
    test(`when parsed by ${id}`, () => {
      for (const body of bodies)
        for (const spelling of spellings)
          for (const status of [400, 401, 404, 429, 500]) {
            const headers = new Headers({ 'x-amzn-errortype': 'canary', 'retry-after': '1' })
            const error = parseError(status, headers, body(spelling), { redact })
            expect([body(spelling), visibleText(error), containsSecret(visibleText(error))]).toEqual([
              body(spelling),
              visibleText(error),
              false,
            ])
          }
    })

  test('the name of an exception contains no secret', () => {
    const plain = createRedact(['canaryword'])
    const error = egressOf('bedrock-converse')!.parseError(
      400,
      new Headers({ 'x-amzn-errortype': 'canaryword' }),
      '{}',
      { redact: plain },
    )
    expect(visibleText(error)).not.toMatch(/canaryword/i)
    const message = messageOf({ ':message-type': 'exception', ':exception-type': 'canaryword' }, '{}')
    let thrown: unknown
    try {
      awsEventStreamFraming(() => {}, { redact: plain }).push(message)
    } catch (fault) {
      thrown = fault
    }
    expect(visibleText(thrown as GatewayError)).not.toMatch(/canaryword/i)
  })
})

describe('a frame that is not JSON contains no secret', () => {
  const exchange = (): Exchange => ({
    id: 'id',
    created: 1,
    model: 'm',
    sealOrigin: 't',
    usageRequested: true,
    loss: () => undefined,
    redact,
  })
  const frames = (spelling: string) => [
    { data: `broken ${spelling}` },
    { data: `{"x":"${spelling}"` },
    { data: `"${spelling}"` },
    { event: 'response.output_text.delta', data: `broken ${spelling}` },
    { event: 'content_block_delta', data: `broken ${spelling}` },
    { event: secret, data: `broken ${spelling}` },
    { event: 'error', data: `broken ${spelling}` },
  ]
  for (const { id, passthrough } of clients)
    test(`when passed through by ${id}`, () => {
      for (const spelling of [secret, ...spellings])
        for (const frame of frames(spelling)) {
          const pipe = passthrough.pipeStream(exchange())
          const out = pipe.push(frame) + pipe.flush() + pipe.end()
          const fault = pipe.state.fault ? visibleText(pipe.state.fault) + pipe.fail(pipe.state.fault) : ''
          expect([frame, out, containsSecret(out + fault)]).toEqual([frame, out, false])
        }
    })
})
