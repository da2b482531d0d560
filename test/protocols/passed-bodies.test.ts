/** Bodies that pass without being translated: which fields are required, and which members of an answer are read. */
import { describe, expect, test } from 'bun:test'
import type { GatewayError } from '../../src/base/errors.ts'
import { omitOutputFields, tokenCounters } from '../../src/protocols/count-tokens.ts'
import { clientProtocolOf, passthroughPaths, vendorProtocolOf } from '../../src/protocols/registry.ts'
import { exchangeFor } from '../contracts/protocol.ts'

const pass = (path: string, answer: string) => clientProtocolOf(path).passthrough.passMessage(answer, exchangeFor())
const thrownBy = (act: () => unknown): GatewayError | undefined => {
  try {
    act()
  } catch (thrown) {
    return thrown as GatewayError
  }
  return undefined
}

describe('the paths below /v1/ that pass', () => {
  // platform.openai.com/docs/api-reference, and the rerank of Jina.
  test('are these', () =>
    expect([...passthroughPaths]).toEqual([
      'completions',
      'embeddings',
      'images/generations',
      'images/edits',
      'images/variations',
      'audio/speech',
      'audio/transcriptions',
      'audio/translations',
      'moderations',
      'rerank',
      'responses/compact',
    ]))

  test.each([
    ['completions', ['prompt']],
    ['embeddings', ['input']],
    ['images/generations', ['prompt']],
    ['audio/speech', ['input']],
    ['moderations', ['input']],
    ['rerank', ['query', 'documents']],
    ['images/edits', []],
    ['images/variations', []],
    ['audio/transcriptions', []],
    ['audio/translations', []],
    ['custom/path', []],
  ])('%s requires %j', (path, required) => {
    const complete = { model: 'm', ...Object.fromEntries(required.map(field => [field, ['words']])) }
    const { checkRequest } = clientProtocolOf(path)
    expect(() => checkRequest(complete)).not.toThrow()
    for (const field of required)
      for (const absent of [undefined, null])
        expect(thrownBy(() => checkRequest({ ...complete, [field]: absent }))).toMatchObject({
          code: 'invalid_request',
          detail: { param: field },
        })
  })
})

describe('an answer that passes', () => {
  test.each([
    [{ error: { message: 'words' } }],
    [{ error: 'words' }],
    [{ errors: [{ message: 'words' }] }],
    [{ base_resp: { status_code: 1002, status_msg: 'words' } }],
    [{ object: 'error', message: 'words' }],
    [{ code: 10012, message: 'words' }],
    [{ code: 10012, msg: 'words' }],
    [{ error_code: 17, error_msg: 'words' }],
  ])('is an error if it is %j', body => {
    const error = thrownBy(() => pass('images/generations', JSON.stringify(body)))
    expect([error?.code, error?.message]).toEqual([expect.stringMatching(/^upstream_/), 'words'])
  })

  test('keeps every byte but the name of the model', () => {
    const text = '{ "data": [1.50, 2e0], "model" : "theirs", "more": {"model": "inner"} }'
    expect(pass('embeddings', text)).toMatchObject({
      text: text.replace('"theirs"', '"the-clients-model"'),
      model: 'theirs',
    })
  })

  test.each([
    [{ usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 } }, { input: 3, output: 4 }],
    [{ meta: { tokens: { input_tokens: 3, output_tokens: 4 } } }, { input: 3, output: 4 }],
    [{ meta: { billed_units: { input_tokens: 3 } } }, { input: 3 }],
  ])('reports the usage in %j', (members, usage) =>
    expect(pass('rerank', JSON.stringify({ results: [], ...members })).usage).toMatchObject(usage),
  )

  test.each(['audio/transcriptions', 'audio/translations'])('may be text at %s', path =>
    expect(pass(path, '1\n00:00:00,000 --> 00:00:01,000\nwords')).toEqual({
      text: '1\n00:00:00,000 --> 00:00:01,000\nwords',
    }),
  )
  test.each(['embeddings', 'moderations', 'images/generations', 'audio/speech'])('may not be text at %s', path =>
    expect(thrownBy(() => pass(path, 'words'))?.message).toBe('the vendor answered with text'),
  )
  test('is never a page', () =>
    expect(thrownBy(() => pass('audio/transcriptions', ' <html>'))?.message).toBe('the vendor answered with HTML'))
})

describe('a stream that passes ends with an error if a frame', () => {
  test.each([
    ['is called so', { event: 'error', data: '{"message":"words"}' }],
    ['has the type of one', { data: '{"type":"error","message":"words"}' }],
    ['holds one', { data: '{"error":{"message":"words"}}' }],
  ])('%s', (_how, frame) => {
    const pipe = clientProtocolOf('audio/speech').passthrough.pipeStream(exchangeFor())
    expect(pipe.push(frame)).toBe('')
    expect([pipe.state.fault?.code, pipe.state.fault?.message]).toEqual(['upstream_failed', 'words'])
    expect(pipe.push({ data: '{"more":1}' })).toBe('')
  })
})

describe('a count of tokens', () => {
  // platform.claude.com/docs/en/api/messages-count-tokens and ai.google.dev/api/tokens.
  test.each([
    ['anthropic/count_tokens', 'input_tokens'],
    ['gemini/countTokens', 'totalTokens'],
  ])('of %s stands in %s', (id, field) => {
    const counter = tokenCounters.get(id)!
    expect(counter.passthrough.passMessage(`{"${field}": 7}`, exchangeFor()).text).toBe(`{"${field}": 7}`)
    expect(thrownBy(() => counter.passthrough.passMessage('{"tokens": 7}', exchangeFor()))?.message).toBe(
      'the vendor told no number of tokens',
    )
    expect(vendorProtocolOf(id).kind).toBe('count')
    expect(clientProtocolOf(id).kind).toBe('count')
  })
  test('has no use for the fields that concern the output', () =>
    expect(Object.keys(omitOutputFields()).sort()).toEqual([
      'max_tokens',
      'metadata',
      'service_tier',
      'stop_sequences',
      'stream',
      'temperature',
      'top_k',
      'top_p',
    ]))
  test('of Messages needs no `max_tokens`, but messages', () => {
    const { checkRequest } = tokenCounters.get('anthropic/count_tokens')!
    expect(() => checkRequest({ model: 'm', messages: [{ role: 'user', content: 'words' }] })).not.toThrow()
    expect(() => checkRequest({ model: 'm' })).toThrow('messages')
  })
  test.each(['generateContentRequest', 'generate_content_request'])('of Gemini may hold its request in %s', key => {
    const counter = tokenCounters.get('gemini/countTokens')!
    const inner = { model: 'models/mine', contents: [{ parts: [{ text: 'words' }] }] }
    expect(() => counter.checkRequest({ [key]: inner })).not.toThrow()
    expect(() => counter.checkRequest({ [key]: { contents: 7 } })).toThrow('contents')
    const body = { [key]: inner }
    const written = counter.passthrough.writeRequest(JSON.stringify(body), body, {
      model: 'theirs',
      requestUsage: false,
    })
    expect(JSON.parse(written)).toEqual({ [key]: { ...inner, model: expect.stringMatching(/^(models\/)?theirs$/) } })
  })
})
