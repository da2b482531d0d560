/** A client of Responses that stores nothing at the vendor. https://platform.openai.com/docs/guides/reasoning */
import { type JsonObject, parseJson } from '../../../src/base/json/json.ts'
import type { Frame } from '../../../src/protocols/protocol.ts'
import { type Client, joinField, listOf } from '../scripted-client.ts'

const finalEvents = ['response.completed', 'response.incomplete', 'response.failed']

/** Collects the items of the stream. They must equal the items of the final response. @throws Error if they differ. */
const assembleStream = (frames: readonly Frame[]): JsonObject => {
  const items: JsonObject[] = []
  const texts = new Map<string, string>()
  let answer: JsonObject | undefined
  frames.forEach(({ event, data }, index) => {
    const body = JSON.parse(data) as JsonObject
    if (event !== body.type) throw new Error(`event "${event}" holds "${body.type}"`)
    if (body.sequence_number !== index) throw new Error(`sequence_number ${body.sequence_number} at place ${index}`)
    const key = `${String(event).replace(/\.(delta|done)$/, '')} ${body.output_index} ${body.content_index ?? body.summary_index}`
    if (event?.endsWith('.delta')) texts.set(key, (texts.get(key) ?? '') + body.delta)
    else if (event?.endsWith('.done') && texts.has(key)) {
      const full = body.text ?? body.arguments ?? body.refusal ?? body.input
      if (full !== texts.get(key)) throw new Error(`the pieces do not add up: ${data}`)
    }
    if (event === 'response.output_item.done') items[body.output_index as number] = body.item as JsonObject
    if (finalEvents.includes(event ?? '')) answer = body.response as JsonObject
  })
  if (answer === undefined || !finalEvents.includes(frames.at(-1)?.event ?? '')) throw new Error('no end')
  if (answer.status === 'failed') throw new Error(`failed: ${JSON.stringify(answer.error)}`)
  if (JSON.stringify(items) !== JSON.stringify(answer.output))
    throw new Error('the items told are not those of the end')
  return answer
}

export const openaiResponses: Client = {
  id: 'openai-responses',
  assembleStream,
  nextRequest(request, answer, results) {
    const { input } = request
    const before = typeof input === 'string' ? [{ role: 'user', content: input }] : listOf(input)
    const output = listOf(answer.output)
    const toolResults = output
      .filter(({ type }) => type === 'function_call')
      .map(({ call_id: id }) => ({ type: 'function_call_output', call_id: id!, output: results.get(String(id))! }))
    return { ...request, input: [...before, ...output, ...toolResults] }
  },
  parseAnswer(answer) {
    const output = listOf(answer.output)
    const contents = output.filter(({ type }) => type === 'message').flatMap(one => listOf(one.content))
    const calls = output
      .filter(({ type }) => type === 'function_call' || type === 'custom_tool_call')
      .map(one => {
        const args = one.type === 'function_call' ? parseJson(String(one.arguments)) : { input: one.input! }
        return { id: String(one.call_id), name: String(one.name), args }
      })
    return {
      text: joinField(contents, 'text'),
      thought: output
        .filter(({ type }) => type === 'reasoning')
        .map(({ summary }) => joinField(listOf(summary), 'text'))
        .join(''),
      refusal: joinField(contents, 'refusal'),
      calls,
      finish: String(answer.status),
    }
  },
}
