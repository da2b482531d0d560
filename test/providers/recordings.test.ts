/** Every recorded response of a vendor is strictly valid for the client after that vendor's corrections. */
import { describe, expect, test } from 'bun:test'
import type { GatewayError } from '../../src/base/errors.ts'
import { type JsonObject, parseJson } from '../../src/base/json/json.ts'
import { passthrough } from '../../src/protocols/openai-chat/passthrough.ts'
import type { StreamPipe } from '../../src/protocols/protocol.ts'
import { providers } from '../../src/providers/index.ts'
import { exchangeFor, framesOf } from '../contracts/protocol.ts'
import { type Recording, recordedTest, recordings } from '../support/recordings.ts'
import { type Answer, readMessage, readStream } from '../validators/openai-chat.ts'

/** Vendor name in the recordings → our service type, where they differ. */
const types: Record<string, string> = { alibaba: 'dashscope', spark: 'xinghuo', volcengine: 'huoshan' }
const apis = ['chat-completions', 'minimax-v2', 'spark-http', 'ark-bots']

/** Recordings that were truncated: nothing after the last frame shows that the response is complete. */
const truncatedRecordings = [/minimax-v2__.*stream-doc-reasoning/, /minimax-v2__.*builtin-search/]

const patchOf = (type: string) => {
  const patchResponse = providers.get(type)?.patchResponse?.['openai-chat']
  return patchResponse ? { patchResponse } : {}
}

const pipeText = (text: string, type: string): Pick<StreamPipe, 'state'> & { out: string } => {
  const pipe = passthrough.pipeStream(exchangeFor(patchOf(type)))
  let out = ''
  for (const frame of framesOf(text)) out += pipe.push(frame)
  out += pipe.end()
  return { state: pipe.state, out }
}

/** The strictly parsed response, or the error that it contains. */
const read = (
  { text, isEventStream }: Pick<Recording, 'text' | 'isEventStream'>,
  type: string,
): Answer | GatewayError => {
  const { model } = exchangeFor()
  if (isEventStream) {
    const { state, out } = pipeText(text, type)
    return state.fault ?? readStream(out, model)
  }
  try {
    return readMessage(passthrough.passMessage(text, exchangeFor(patchOf(type))).text, model)
  } catch (thrown) {
    if (thrown instanceof Error && thrown.name === 'GatewayError') return thrown as GatewayError
    throw thrown
  }
}

const isFault = (answer: Answer | GatewayError): answer is GatewayError => answer instanceof Error

const all = apis
  .flatMap(recordings)
  .filter(({ method, text }) => method === 'POST' && text !== '')
  .map(recording => ({ ...recording, type: types[recording.provider] ?? recording.provider }))
  .filter(({ type, status }) => providers.has(type) && (status ?? 200) === 200)

describe(`${all.length} recorded responses after their vendor's corrections`, () => {
  const recordedTypes = new Set(all.map(({ type }) => type))
  recordedTest(all, 'the recordings are of more than a dozen vendors', () => {
    expect(recordedTypes.size).toBeGreaterThan(12)
  })

  for (const type of recordedTypes) {
    const ofType = all.filter(recording => recording.type === type)
    recordedTest(ofType, `all ${ofType.length} recordings of ${type} are valid`, () => {
      for (const recording of ofType) {
        const { file, text } = recording
        const answer = read(recording, type)
        // An error is correct only if the recording contains one, or was truncated.
        const hasError =
          /"error"|"base_resp":\{"status_code":[1-9]|"code":\s*[1-9]|finish_reason":\s*"error"/.test(text) ||
          truncatedRecordings.some(name => name.test(file))
        if (isFault(answer)) expect({ file, hasError }).toEqual({ file, hasError: true })
        else expect(answer.choices.length).toBeGreaterThan(0)
      }
    })
  }
})

describe('corrections that the recordings led to', () => {
  const outcomeOf = (answer: Answer | GatewayError) =>
    isFault(answer) ? [answer.code, answer.status] : `answered ${JSON.stringify(answer)}`
  const readComplete = (body: JsonObject, type: string) =>
    read({ text: JSON.stringify(body), isEventStream: false }, type)

  test.each([
    [1002, 'upstream_limited', 429],
    [1004, 'upstream_credentials', 502],
    [1008, 'upstream_credentials', 502],
    [1027, 'upstream_refused', 400],
    [2013, 'upstream_refused', 400],
    [4711, 'upstream_failed', 502],
  ])('minimax: base_resp %d with status 200 is %s', (code, name, status) => {
    const body = { choices: null, base_resp: { status_code: code, status_msg: 'no' } }
    expect<unknown>(outcomeOf(readComplete(body, 'minimax'))).toEqual([name, status])
    const events = read({ text: `data: ${JSON.stringify(body)}\n\n`, isEventStream: true }, 'minimax')
    expect<unknown>(outcomeOf(events)).toEqual([name, status])
  })

  test('minimax: results of the built-in search are not part of the text, and their finish reason is dropped', () => {
    const chunk = (choice: JsonObject) =>
      `data: ${JSON.stringify({ id: 'a', choices: [{ index: 0, ...choice }], usage: { total_tokens: 0 } })}\n\n`
    const text =
      chunk({ delta: { role: 'tool', content: '[{"no":1}]', tool_call_id: 'c' }, finish_reason: 'stop' }) +
      chunk({ delta: { role: 'assistant', content: 'Found' } }) +
      chunk({ delta: { content: ' it' }, finish_reason: 'stop' }) +
      chunk({ message: { role: 'assistant', content: 'Found it' }, finish_reason: 'stop' })
    expect(read({ text, isEventStream: true }, 'minimax')).toMatchObject({
      choices: [{ text: 'Found it', finish: 'stop' }],
    })
  })

  test.each([
    [11202, 'upstream_limited', 429],
    [11200, 'upstream_credentials', 502],
    [10013, 'upstream_refused', 400],
    [10012, 'upstream_failed', 503],
  ])('xinghuo: code %d is %s at the top level, in an error object and next to choices', (code, name, status) => {
    const bodies: JsonObject[] = [
      { code, msg: 'no', Sid: 's' },
      { error: { message: 'no (sid: s)', type: 'api_error', param: null, code: String(code) } },
      { code, message: 'no', sid: 's', choices: [{ index: 0, delta: { content: '' } }] },
    ]
    for (const body of bodies) {
      expect<unknown>(outcomeOf(readComplete(body, 'xinghuo'))).toEqual([name, status])
      const events = read({ text: `data:${JSON.stringify(body)}\n\n`, isEventStream: true }, 'xinghuo')
      expect<unknown>(outcomeOf(events)).toEqual([name, status])
    }
  })

  test('huoshan: the usage of a bot is the sum over its models, unless it has usage', () => {
    const usageOf = (prompt: number, completion: number) => ({
      prompt_tokens: prompt,
      completion_tokens: completion,
      total_tokens: prompt + completion,
    })
    const body = {
      choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
      bot_usage: { model_usage: [usageOf(54, 268), usageOf(6, 2)], action_usage: [] },
    }
    expect(readComplete(body, 'huoshan')).toMatchObject({ usage: usageOf(60, 270) })
    expect(parseJson(JSON.stringify(readComplete({ ...body, usage: usageOf(1, 1) }, 'huoshan')))).toMatchObject({
      usage: usageOf(1, 1),
    })
  })
})
