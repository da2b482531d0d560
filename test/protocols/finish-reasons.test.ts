/** Every finish reason of every vendor's protocol, and what a client of each protocol gets for ours. */
import { describe, expect, test } from 'bun:test'
import type { Json, JsonObject } from '../../src/base/json/json.ts'
import type { FinishReason, Message, Part } from '../../src/ir/chat.ts'
import { createCollector } from '../../src/ir/collect.ts'
import { finishReasonAfter, finishReasonOf, faultOf as openaiFaultOf } from '../../src/protocols/openai-chat/finish.ts'
import { clientProtocols, egressOf, protocols } from '../../src/protocols/registry.ts'
import { exchangeFor, framesOf } from '../contracts/protocol.ts'

type Answer = { finish: FinishReason; raw: string | undefined; losses: string[] }

const parse = (id: string, body: Json): Answer => {
  const losses: string[] = []
  const exchange = exchangeFor({ loss: path => losses.push(path) })
  const { finish, raw } = egressOf(id)!.parseMessage(body, exchange)
  return { finish, raw, losses }
}

/** The same from a stream, whose frames these are. */
const parseStream = (id: string, events: readonly JsonObject[]): FinishReason => {
  const collector = createCollector()
  const push = protocols.get(id)!.parseStream(exchangeFor())(collector.push)
  for (const event of events)
    for (const frame of framesOf(`event: ${event['type']}\ndata: ${JSON.stringify(event)}\n\n`)) push(frame)
  push(undefined)
  return collector.message().finish
}

const text: Part = { type: 'text', text: 'words' }
const call: Part = { type: 'call', id: 'call_1', name: 'look', args: '{}' }
const render = (id: string, finish: FinishReason, raw?: string, parts: Part[] = [text]) => {
  const losses: string[] = []
  const message: Message = { id: 'id', model: 'm', parts, finish, ...(raw !== undefined && { raw }) }
  const protocol = clientProtocols.get(id)
  if (protocol?.kind !== 'chat') throw new Error(`${id} is no protocol of chats`)
  const body = protocol.renderMessage(message, exchangeFor({ loss: path => losses.push(path) }))
  return { body: body as JsonObject, losses }
}

describe('Messages: a stop reason', () => {
  const answer = (stop_reason: string | null, content: JsonObject[] = [{ type: 'text', text: 'words' }]) =>
    parse('anthropic', { type: 'message', id: 'm', role: 'assistant', model: 'm', content, stop_reason })
  const use = { type: 'tool_use', id: 't', name: 'look', input: {} }

  // https://platform.claude.com/docs/en/api/handling-stop-reasons
  test.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['refusal', 'filter'],
    ['pause_turn', 'pause'],
    ['invented', 'other'],
  ] as const)('%s of a vendor is %s', (reason, finish) => {
    expect(answer(reason)).toEqual({ finish, raw: reason, losses: [] })
    expect(
      parseStream('anthropic', [
        { type: 'message_start', message: { id: 'm', model: 'm' } },
        { type: 'message_delta', delta: { stop_reason: reason } },
        { type: 'message_stop' },
      ]),
    ).toBe(finish)
  })

  test('tool_use of a vendor counts only beside a call, and a call makes end_turn one', () => {
    expect(answer('tool_use', [use])).toMatchObject({ finish: 'calls', raw: 'tool_use' })
    expect(answer('end_turn', [use])).toMatchObject({ finish: 'calls', raw: 'tool_use' })
    expect(answer('tool_use')).toMatchObject({ finish: 'stop', raw: 'end_turn' })
    expect(answer('max_tokens', [use])).toMatchObject({ finish: 'length', raw: 'max_tokens' })
  })

  test.each([
    ['stop', 'end_turn', []],
    ['length', 'max_tokens', []],
    ['filter', 'refusal', []],
    ['pause', 'pause_turn', []],
    ['other', 'end_turn', ['stop_reason']],
  ] as const)('%s is sent to a client as %s', (finish, reason, losses) => {
    const rendered = render('anthropic', finish)
    expect([rendered.body['stop_reason'], rendered.losses]).toEqual([reason, [...losses]])
  })

  test.each([
    ['stop', 'end_turn', 'end_turn'],
    ['length', 'max_tokens', 'max_tokens'],
    ['length', 'model_context_window_exceeded', 'model_context_window_exceeded'],
    ['filter', 'refusal', 'refusal'],
    ['pause', 'pause_turn', 'pause_turn'],
    ['length', 'length', 'max_tokens'],
    ['stop', 'max_tokens', 'end_turn'],
  ] as const)('%s that a vendor called %s is sent as %s', (finish, raw, reason) =>
    expect(render('anthropic', finish, raw).body['stop_reason']).toBe(reason),
  )

  test('calls are sent as tool_use, also after a vendor that called them a stop', () => {
    for (const finish of ['calls', 'stop'] as const)
      expect(render('anthropic', finish, undefined, [call]).body['stop_reason']).toBe('tool_use')
    expect(render('anthropic', 'length', undefined, [call]).body['stop_reason']).toBe('max_tokens')
  })
})

describe('Chat Completions: a finish reason', () => {
  // OpenAI's five, and the words that the documentation or the recordings of other vendors show.
  test.each([
    ['stop', 'stop'],
    ['length', 'length'],
    ['tool_calls', 'tool_calls'],
    ['content_filter', 'content_filter'],
    ['function_call', 'function_call'],
    ['eos', 'stop'],
    ['eos_token', 'stop'],
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['complete', 'stop'],
    ['COMPLETE', 'stop'],
    ['completed', 'stop'],
    ['normal', 'stop'],
    ['end', 'stop'],
    ['STOP', 'stop'],
    ['max_tokens', 'length'],
    ['MAX_TOKENS', 'length'],
    ['max_length', 'length'],
    ['max_output_tokens', 'length'],
    ['model_length', 'length'],
    ['tool_call', 'tool_calls'],
    ['TOOL_CALL', 'tool_calls'],
    ['tool_use', 'tool_calls'],
    ['tool-calls', 'tool_calls'],
    ['function_calls', 'tool_calls'],
    ['safety', 'content_filter'],
    ['SAFETY', 'content_filter'],
    ['sensitive', 'content_filter'],
    ['blocklist', 'content_filter'],
    ['prohibited_content', 'content_filter'],
    ['recitation', 'content_filter'],
    ['refusal', 'content_filter'],
    ['guardrail_intervened', 'content_filter'],
    ['content-filter', 'content_filter'],
  ])('%s of a vendor is %s, without a loss', (word, reason) => {
    const losses: string[] = []
    expect([finishReasonOf(word, { loss: path => losses.push(path) }), losses]).toEqual([reason, []])
  })

  test.each(['invented', 'constructor', '__proto__'])('%s of a vendor is an unknown word: stop, and a loss', word => {
    const losses: string[] = []
    expect(finishReasonOf(word, { loss: path => losses.push(path) })).toBe('stop')
    expect(losses).toEqual(['finish_reason'])
  })

  test.each([null, undefined, '', 'null', 1, false])('%j of a vendor is none', value =>
    expect(finishReasonOf(value, { loss: () => expect.unreachable() })).toBeUndefined(),
  )

  test.each(['error', 'network_error', 'insufficient_system_resource', 'abort', 'ERROR'])(
    '%s of a vendor is a failure',
    word => {
      const fault = openaiFaultOf(word)
      expect([fault?.code, fault?.message]).toEqual(['upstream_failed', `the vendor broke off its answer (${word})`])
      const choices = [{ index: 0, message: { role: 'assistant', content: 'words' }, finish_reason: word }]
      expect(() => parse('openai-chat', { id: 'i', object: 'chat.completion', choices })).toThrow('broke off')
    },
  )

  test.each(['stop', 'length', 'errors', '', null, undefined, 1])('%j of a vendor is no failure', value =>
    expect(openaiFaultOf(value)).toBeUndefined(),
  )

  test.each([
    ['stop', 'stop'],
    ['length', 'length'],
    ['content_filter', 'filter'],
    ['tool_calls', 'calls'],
    ['function_call', 'calls'],
  ] as const)('%s is %s of the neutral form', (word, finish) => {
    const choices = [{ index: 0, message: { role: 'assistant', content: 'words' }, finish_reason: word }]
    expect(parse('openai-chat', { id: 'i', object: 'chat.completion', choices }).finish).toBe(finish)
  })

  test.each([
    ['stop', false, false, 'stop'],
    ['stop', true, false, 'tool_calls'],
    ['stop', true, true, 'tool_calls'],
    ['stop', false, true, 'function_call'],
    ['length', true, true, 'length'],
    ['content_filter', true, false, 'content_filter'],
  ])('%s, with calls %p and a legacy call %p, is sent as %s', (word, hasCalls, hasLegacyCall, sent) =>
    expect(finishReasonAfter(word, hasCalls, hasLegacyCall)).toBe(sent),
  )

  test.each([
    ['stop', 'stop', []],
    ['length', 'length', []],
    ['filter', 'content_filter', []],
    ['calls', 'tool_calls', []],
    ['pause', 'stop', ['finish_reason']],
    ['other', 'stop', ['finish_reason']],
  ] as const)('%s of the neutral form is sent as %s', (finish, word, losses) => {
    const { body, losses: noted } = render('openai-chat', finish, undefined, finish === 'calls' ? [call] : [text])
    expect([body, noted]).toMatchObject([{ choices: [{ finish_reason: word }] }, [...losses]])
  })
})

describe('Gemini: a finish reason', () => {
  const answer = (finishReason: Json, parts: JsonObject[] = [{ text: 'words' }]) =>
    parse('gemini', { candidates: [{ content: { role: 'model', parts }, finishReason }] })
  const functionCall = { functionCall: { name: 'look', args: {} } }

  // https://ai.google.dev/api/generate-content#FinishReason
  const reasons = [
    ['STOP', 'stop'],
    ['MAX_TOKENS', 'length'],
    ['SAFETY', 'filter'],
    ['RECITATION', 'filter'],
    ['BLOCKLIST', 'filter'],
    ['PROHIBITED_CONTENT', 'filter'],
    ['SPII', 'filter'],
    ['MODEL_ARMOR', 'filter'],
    ['IMAGE_SAFETY', 'filter'],
    ['IMAGE_PROHIBITED_CONTENT', 'filter'],
    ['IMAGE_RECITATION', 'filter'],
    ['CONTINUATION', 'pause'],
    ['LANGUAGE', 'other'],
    ['OTHER', 'other'],
    ['FINISH_REASON_UNSPECIFIED', 'other'],
    ['MALFORMED_FUNCTION_CALL', 'other'],
    ['UNEXPECTED_TOOL_CALL', 'other'],
    ['TOO_MANY_TOOL_CALLS', 'other'],
    ['MISSING_THOUGHT_SIGNATURE', 'other'],
    ['MALFORMED_RESPONSE', 'other'],
    ['IMAGE_OTHER', 'other'],
    ['NO_IMAGE', 'other'],
  ] as const
  test.each([...reasons, ['INVENTED', 'other'] as const])('%s of a vendor is %s', (reason, finish) =>
    expect(answer(reason)).toEqual({ finish, raw: reason, losses: [] }),
  )

  test.each(reasons)(
    '%s of a vendor reaches a Gemini client as it came, whether or not it means only %s',
    (raw, finish) => expect(render('gemini', finish, raw).body).toMatchObject({ candidates: [{ finishReason: raw }] }),
  )

  test('STOP beside a call means calls, another reason stays', () => {
    expect(answer('STOP', [functionCall]).finish).toBe('calls')
    expect(answer('MAX_TOKENS', [functionCall]).finish).toBe('length')
  })

  // google/api of Vertex AI: `Candidate.FinishReason` with its numbers.
  test.each([
    [0, 'FINISH_REASON_UNSPECIFIED', 'other'],
    [1, 'STOP', 'stop'],
    [2, 'MAX_TOKENS', 'length'],
    [3, 'SAFETY', 'filter'],
    [4, 'RECITATION', 'filter'],
    [5, 'OTHER', 'other'],
    [6, 'BLOCKLIST', 'filter'],
    [7, 'PROHIBITED_CONTENT', 'filter'],
    [8, 'SPII', 'filter'],
    [9, 'MALFORMED_FUNCTION_CALL', 'other'],
    [99, '99', 'other'],
  ] as const)('the number %d of a vendor is %s', (number, raw, finish) => {
    expect(answer(number)).toMatchObject({ finish, raw })
    const { passMessage } = protocols.get('gemini')!.passthrough
    const body = { candidates: [{ content: { role: 'model', parts: [{ text: 'words' }] }, finishReason: number }] }
    expect(JSON.parse(passMessage(JSON.stringify(body), exchangeFor()).text)).toMatchObject({
      candidates: [{ finishReason: raw }],
    })
  })

  test.each(['MALFORMED_FUNCTION_CALL', 'MALFORMED_RESPONSE', 'MISSING_THOUGHT_SIGNATURE', 'TOO_MANY_TOOL_CALLS'])(
    '%s of a vendor without any other content is a failure, also after thoughts',
    reason => {
      for (const parts of [[], [{ text: 'hm', thought: true }]])
        expect(() => answer(reason, parts)).toThrow(`the vendor gave no answer (${reason})`)
    },
  )

  test.each(['STOP', 'SAFETY', 'OTHER', 'LANGUAGE', 'UNEXPECTED_TOOL_CALL', 'NO_IMAGE'])(
    '%s of a vendor without any content is an empty answer',
    reason => expect(answer(reason, []).raw).toBe(reason),
  )

  test.each([
    ['stop', 'STOP'],
    ['length', 'MAX_TOKENS'],
    ['filter', 'SAFETY'],
    ['pause', 'STOP'],
    ['other', 'OTHER'],
  ] as const)('%s is sent to a client as %s', (finish, reason) => {
    expect(render('gemini', finish).body).toMatchObject({ candidates: [{ finishReason: reason }] })
    expect(render('gemini', finish, 'word_of_another')).toMatchObject({
      body: { candidates: [{ finishReason: reason }] },
    })
  })

  test('calls are sent to a client as STOP, which is what Gemini sends', () => {
    for (const raw of [undefined, 'STOP', 'tool_calls'])
      expect(render('gemini', 'calls', raw, [call]).body).toMatchObject({ candidates: [{ finishReason: 'STOP' }] })
  })
})

describe('Gemini: a block reason', () => {
  // https://ai.google.dev/api/generate-content#BlockReason, and BLOCKED_REASON_UNSPECIFIED, JAILBREAK of Vertex AI.
  const blockReasons = [
    'BLOCK_REASON_UNSPECIFIED',
    'BLOCKED_REASON_UNSPECIFIED',
    'SAFETY',
    'OTHER',
    'BLOCKLIST',
    'PROHIBITED_CONTENT',
    'IMAGE_SAFETY',
    'MODEL_ARMOR',
    'JAILBREAK',
  ]
  test.each(blockReasons)('%s of a vendor is a filter and reaches a client as it came', blockReason => {
    expect(parse('gemini', { promptFeedback: { blockReason } })).toMatchObject({ finish: 'filter', raw: blockReason })
    expect(render('gemini', 'filter', blockReason, []).body).toMatchObject({ promptFeedback: { blockReason } })
  })
  test.each(['SPII', 'content_filter'])('%s is none: an empty answer ends with a finish reason', raw => {
    const { body } = render('gemini', 'filter', raw, [])
    expect(body['promptFeedback']).toBeUndefined()
    expect(body).toMatchObject({ candidates: [{ finishReason: raw === 'SPII' ? 'SPII' : 'SAFETY' }] })
  })
})

describe('Responses: a status', () => {
  const answer = (fields: JsonObject, output: JsonObject[] = []) =>
    parse('openai-responses', { id: 'resp_1', object: 'response', model: 'm', output, ...fields })
  test.each([
    [{ status: 'completed' }, 'stop', 'completed'],
    [{ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } }, 'length', 'max_output_tokens'],
    [{ status: 'incomplete', incomplete_details: { reason: 'content_filter' } }, 'filter', 'content_filter'],
    [{ status: 'incomplete', incomplete_details: { reason: 'invented' } }, 'other', 'invented'],
    [{ status: 'incomplete', incomplete_details: null }, 'other', 'incomplete'],
    [{ status: 'incomplete' }, 'other', 'incomplete'],
  ] as const)('%j of a vendor is %s', (fields, finish, raw) => expect(answer(fields)).toMatchObject({ finish, raw }))
  test.each(['function_call', 'custom_tool_call'])('completed beside a %s means calls', type => {
    const item = { type, id: 'i', call_id: 'c', name: 'look', arguments: '{}', input: '' }
    expect(answer({ status: 'completed' }, [item]).finish).toBe('calls')
  })
  test.each([
    ['stop', 'completed', null, []],
    ['length', 'incomplete', { reason: 'max_output_tokens' }, []],
    ['filter', 'incomplete', { reason: 'content_filter' }, []],
    ['calls', 'completed', null, []],
    ['pause', 'completed', null, ['status']],
    ['other', 'completed', null, ['status']],
  ] as const)('%s is sent to a client as %s', (finish, status, details, losses) => {
    const { body, losses: noted } = render('openai-responses', finish)
    expect(body).toMatchObject({ status, incomplete_details: details })
    expect(noted).toEqual([...losses])
  })
})

describe('Converse: a stop reason', () => {
  // docs.aws.amazon.com, API_runtime_MessageStopEvent
  test.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['content_filtered', 'filter'],
    ['guardrail_intervened', 'filter'],
    ['tool_use', 'calls'],
    ['malformed_model_output', 'other'],
    ['malformed_tool_use', 'other'],
  ] as const)('%s of a vendor is %s', (stopReason, finish) => {
    const content =
      finish === 'calls' ? [{ toolUse: { toolUseId: 't', name: 'look', input: {} } }] : [{ text: 'words' }]
    const body = { output: { message: { role: 'assistant', content } }, stopReason, usage: {} }
    expect(parse('bedrock-converse', body)).toMatchObject({ finish, raw: stopReason })
  })
})

describe('Completions: a finish reason', () => {
  test.each([
    ['stop', 'stop'],
    ['length', 'length'],
    ['filter', 'content_filter'],
    ['calls', 'stop'],
    ['pause', 'stop'],
    ['other', 'stop'],
  ] as const)('%s is sent to a client as %s', (finish, word) =>
    expect(render('completions', finish).body).toMatchObject({ choices: [{ finish_reason: word }] }),
  )
})

describe('a translation of DeepL', () => {
  const deepl = ['deepl', 'deeplx']
  test.each([
    ['length', 'the translation was cut: the model came to its limit of tokens'],
    ['filter', "the translation was cut by a filter of the vendor's"],
    ['pause', 'the translation was cut: the model paused'],
  ] as const)('that ended with %s is an error', (finish, message) => {
    for (const id of deepl) expect(() => render(id, finish)).toThrow(message)
  })
  test.each(['stop', 'calls', 'other'] as const)('that ended with %s is complete, unless it is empty', finish => {
    for (const id of deepl) {
      expect(JSON.stringify(render(id, finish).body)).toContain('words')
      for (const parts of [[], [{ type: 'text', text: ' \n' }] satisfies Part[]])
        expect(() => render(id, finish, undefined, parts)).toThrow('the model answered without a translation')
    }
  })
})
