/**
 * A client of generateContent. https://ai.google.dev/gemini-api/docs/function-calling,
 * https://ai.google.dev/gemini-api/docs/thought-signatures
 */
import type { JsonObject } from '../../../src/base/json/json.ts'
import type { Frame } from '../../../src/protocols/protocol.ts'
import { type Client, joinField, listOf } from '../scripted-client.ts'

const contentOf = (answer: JsonObject): JsonObject =>
  (listOf(answer.candidates)[0]?.content ?? { parts: [] }) as JsonObject

/**
 * Joins the pieces of one text into one part. A part with a signature stays separate: merging it would lose the
 * signature.
 */
const assembleStream = (frames: readonly Frame[]): JsonObject => {
  const parts: JsonObject[] = []
  const candidate: JsonObject = {}
  const answer: JsonObject = {}
  for (const { data } of frames) {
    const { candidates, error, ...rest } = JSON.parse(data) as JsonObject
    if (error !== undefined) throw new Error(data)
    Object.assign(answer, rest)
    const [first] = listOf(candidates)
    if (first === undefined) continue
    const { content, ...more } = first
    Object.assign(candidate, more)
    for (const part of listOf((content as JsonObject | undefined)?.parts)) {
      const before = parts.at(-1)
      const isContinuation =
        before !== undefined &&
        typeof part.text === 'string' &&
        typeof before.text === 'string' &&
        before.thought === part.thought &&
        before.thoughtSignature === undefined &&
        part.thoughtSignature === undefined
      if (isContinuation) before.text = String(before.text) + part.text
      else parts.push({ ...part })
    }
  }
  return { candidates: [{ content: { role: 'model', parts }, ...candidate }], ...answer }
}

export const gemini: Client = {
  id: 'gemini',
  assembleStream,
  nextRequest(request, answer, results) {
    const content = contentOf(answer)
    const toolResults = listOf(content.parts)
      .map(({ functionCall }) => functionCall as JsonObject | undefined)
      .filter(call => call !== undefined)
      .map(({ id, name }) => ({
        functionResponse: { id: id!, name: name!, response: { output: results.get(String(id))! } },
      }))
    return { ...request, contents: [...listOf(request.contents), content, { role: 'user', parts: toolResults }] }
  },
  parseAnswer(answer) {
    const parts = listOf(contentOf(answer).parts)
    const calls = parts
      .map(({ functionCall }) => functionCall as JsonObject | undefined)
      .filter(call => call !== undefined)
      .map(({ id, name, args }) => ({ id: String(id), name: String(name), args }))
    return {
      text: joinField(
        parts.filter(one => one.thought !== true),
        'text',
      ),
      thought: joinField(
        parts.filter(one => one.thought === true),
        'text',
      ),
      refusal: '',
      calls,
      finish: String(listOf(answer.candidates)[0]?.finishReason),
    }
  },
}
