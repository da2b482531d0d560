/** The OpenAI paths that are only passed through. */
import { describe, expect, test } from 'bun:test'
import type { GatewayError } from '../../src/base/errors.ts'
import type { Exchange } from '../../src/protocols/protocol.ts'
import { clientProtocolOf, passthroughPaths } from '../../src/protocols/registry.ts'
import { exchangeFor, framesOf } from '../contracts/protocol.ts'
import { recordedTest, recordings } from '../support/recordings.ts'
import { stopwatch } from '../support/stopwatch.ts'

const protocolAt = clientProtocolOf
const model = exchangeFor().model
const pass = (path: string, text: string, change: Partial<Exchange> = {}) =>
  protocolAt(path).passthrough.passMessage(text, exchangeFor(change))
const runStream = (path: string, text: string, change: Partial<Exchange> = {}) => {
  const pipe = protocolAt(path).passthrough.pipeStream(exchangeFor(change))
  let out = ''
  for (const frame of framesOf(text)) out += pipe.push(frame)
  return { out: out + pipe.end(), state: pipe.state, fail: pipe.fail }
}

describe('a request', () => {
  test.each([
    ['embeddings', {}, 'input'],
    ['completions', { prompt: null }, 'prompt'],
    ['images/generations', {}, 'prompt'],
    ['audio/speech', {}, 'input'],
    ['moderations', {}, 'input'],
    ['rerank', { query: 'q' }, 'documents'],
    ['embeddings', { input: 'a', model: 5 }, 'model'],
  ])('%s %j is refused because of %s', (path, body, param) => {
    try {
      protocolAt(path).checkRequest(body)
    } catch (thrown) {
      expect((thrown as GatewayError).detail.param).toBe(param)
      return
    }
    throw new Error('was accepted')
  })

  test('with its required fields is accepted, whatever else it has', () => {
    for (const path of passthroughPaths)
      expect(() =>
        protocolAt(path).checkRequest({ input: ['a'], prompt: 'a', query: 'q', documents: [], anything: 1 }),
      ).not.toThrow()
  })

  test('requests usage only where the wire format supports it', () => {
    const text = '{"model":"a","stream":true}'
    const change = { model: 'b', requestUsage: true }
    expect(protocolAt('audio/speech').passthrough.writeRequest(text, JSON.parse(text), change)).toBe(
      '{"model":"b","stream":true}',
    )
    expect(protocolAt('completions').passthrough.writeRequest(text, JSON.parse(text), change)).toContain(
      'include_usage',
    )
  })
})

describe('a complete answer', () => {
  test('only the model is changed, and usage is read', () => {
    const text =
      '{"object":"list","data":[{"embedding":[0.10,1e-7]}],"model":"theirs","usage":{"prompt_tokens":8,"total_tokens":8}}'
    expect(pass('embeddings', text)).toEqual({
      text: text.replace('"theirs"', JSON.stringify(model)),
      usage: { input: 8, output: 0 },
      model: 'theirs',
    })
  })

  test('an answer without a model is unchanged', () => {
    const text =
      '{"created":1,"data":[{"b64_json":"AA=="}],"usage":{"input_tokens":3,"output_tokens":4,"total_tokens":7}}'
    expect(pass('images/generations', text)).toEqual({ text, usage: { input: 3, output: 4 } })
  })

  test('a large body is scanned quickly', () => {
    const text = JSON.stringify({
      data: Array.from({ length: 200_000 }, (_, index) => index / 7),
      model: 'theirs',
      usage: { prompt_tokens: 1, total_tokens: 1 },
    })
    const took = stopwatch()
    expect(pass('embeddings', text).model).toBe('theirs')
    expect(took()).toBeLessThan(500)
  })

  test("a vendor's patchResponse is applied", () => {
    const patched = pass('embeddings', '{"data":[],"model":"theirs"}', {
      patchResponse: body => Object.assign(body, { object: 'list' }),
    })
    expect(JSON.parse(patched.text)).toEqual({ data: [], model, object: 'list' })
  })

  test('plain text is an answer for a transcription only; an HTML page never is', () => {
    expect(pass('audio/transcriptions', '1\n00:00 --> 00:01\nhi\n').text).toContain('-->')
    expect(() => pass('audio/transcriptions', '<!doctype html>')).toThrow('HTML')
    expect(() => pass('embeddings', 'sorry')).toThrow('text')
    expect(() => pass('embeddings', '')).toThrow('nothing')
    expect(() => pass('embeddings', '{"data":[1,')).toThrow('no answer')
  })

  test('an error with status 200 is thrown', () => {
    expect(() => pass('embeddings', '{"error":{"message":"no","code":404}}')).toThrow(
      expect.objectContaining({ status: 404 }),
    )
    expect(() => pass('embeddings', '{"error":null,"data":[]}')).not.toThrow()
  })
})

describe('a stream of completions', () => {
  const chunk = (text: string, finish: string | null = null) =>
    `data: ${JSON.stringify({ id: 'c', object: 'text_completion', created: 1, model: 'theirs', choices: [{ text, index: 0, logprobs: null, finish_reason: finish }] })}\n\n`
  const usage =
    'data: {"id":"c","object":"text_completion","created":1,"model":"theirs","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}\n\n'

  test('ends with one finish and one [DONE], and has usage only if the client asked for it', () => {
    const text = chunk('A') + chunk('', 'stop') + chunk('', 'stop') + usage + 'data: [DONE]\n\n'
    const { out, state } = runStream('completions', text)
    expect(out).toBe(
      (chunk('A') + chunk('', 'stop') + usage + 'data: [DONE]\n\n').replaceAll('"theirs"', JSON.stringify(model)),
    )
    expect(state).toMatchObject({ content: true, usage: { input: 1, output: 2 } })
    expect(runStream('completions', text, { usageRequested: false }).out).not.toContain('usage')
  })

  test('that is cut off or reports an error has a fault', () => {
    expect(runStream('completions', chunk('A')).state.fault?.code).toBe('upstream_failed')
    expect(
      runStream('completions', `${chunk('A')}data: {"error":{"message":"m","code":503}}\n\n`).state.fault?.status,
    ).toBe(503)
  })
})

describe('a stream of events', () => {
  const speech =
    'event: speech.audio.delta\ndata: {"type":"speech.audio.delta","audio":"AA=="}\n\ndata: {"type":"speech.audio.done","usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}}\n\n'

  test('passes as received, with event names and without an added [DONE]', () => {
    const { out, state } = runStream('audio/speech', speech)
    expect(out).toBe(speech)
    expect(state).toMatchObject({ content: true, usage: { input: 1, output: 2 } })
    expect(runStream('audio/speech', `${speech}data: [DONE]\n\n`).out).toBe(`${speech}data: [DONE]\n\n`)
  })

  test('names the model that the client asked for, and keeps the event names', () => {
    const named = 'event: image.partial\ndata: {"type":"image.partial","model":"theirs","b64_json":"AA=="}\n\n'
    const { out, state } = runStream('images/generations', named)
    expect(out).toBe(named.replace('theirs', model))
    expect(state.model).toBe('theirs')
  })

  test('that reports an error or is empty has a fault', () => {
    const { out, state } = runStream(
      'audio/transcriptions',
      `${speech}event: error\ndata: {"type":"error","error":{"message":"m"}}\n\n`,
    )
    expect([out, state.fault?.message]).toEqual([speech, 'm'])
    expect(runStream('audio/transcriptions', '').state.fault?.code).toBe('upstream_failed')
  })
})

const apis: Record<string, string> = {
  embeddings: 'embeddings',
  moderations: 'moderations',
  rerank: 'rerank',
  images: 'images/generations',
  completions: 'completions',
  'audio-transcription': 'audio/transcriptions',
}
for (const [api, path] of Object.entries(apis)) {
  const recorded = recordings(api).filter(({ status, text }) => status === 200 && text !== '')
  const complete = recorded.filter(({ isEventStream }) => !isEventStream)
  /** Writer has a different wire format under the same name, which the gateway does not support. */
  const streams = recorded.filter(
    ({ isEventStream, text, provider }) => isEventStream && !(provider === 'writer' && !text.includes('"choices"')),
  )

  recordedTest(complete, `${complete.length} recorded answers of ${api} pass with only the model changed`, () => {
    for (const { text } of complete) {
      const passed = pass(path, text).text
      if (!text.trimStart().startsWith('{')) expect(passed).toBe(text)
      else {
        const before = JSON.parse(text) as Record<string, unknown>
        expect(JSON.parse(passed)).toEqual(typeof before.model === 'string' ? { ...before, model } : before)
      }
    }
  })

  recordedTest(streams, `${streams.length} recorded streams of ${api} pass and end`, () => {
    for (const { file, text } of streams) {
      const { out, state } = runStream(path, text)
      expect({ file, fault: state.fault?.message, done: out.endsWith('data: [DONE]\n\n') }).toEqual({
        file,
        fault: undefined,
        done: path === 'completions' || text.includes('[DONE]'),
      })
    }
  })
}
