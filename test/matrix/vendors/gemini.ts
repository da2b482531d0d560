/** generateContent as Google says it. https://ai.google.dev/api/generate-content, https://ai.google.dev/gemini-api/docs/thought-signatures */

import { type JsonObject, parseJson } from '../../../src/base/json/json.ts'
import type { FinishReason, Usage } from '../../../src/ir/chat.ts'
import type { Frame } from '../../../src/protocols/protocol.ts'
import { type Answer, type Said, steps, type Vendor, wordsUnder } from '../answer.ts'

const head = { modelVersion: 'vendor-model', responseId: 'gemini-vendor' }

/** A call has no word of its own. */
const finishes: Record<FinishReason, string> = {
  stop: 'STOP',
  length: 'MAX_TOKENS',
  calls: 'STOP',
  filter: 'SAFETY',
  pause: 'STOP',
  other: 'OTHER',
}

/** Thoughts are counted apart from what is said. */
const usageOf = ({ input, output, cacheRead, reasoning }: Usage): JsonObject => ({
  promptTokenCount: input,
  candidatesTokenCount: output - (reasoning ?? 0),
  totalTokenCount: input + output,
  ...(cacheRead !== undefined && { cachedContentTokenCount: cacheRead }),
  ...(reasoning !== undefined && { thoughtsTokenCount: reasoning }),
})

/** A signature stands on the call that follows the thoughts, or on a text; never on a thought. */
const part = (said: Said, text: string): JsonObject => {
  switch (said.type) {
    case 'thought':
      return { text, thought: true }
    case 'redacted':
      return { text: '', thoughtSignature: said.sealed }
    case 'call':
      return {
        functionCall: { id: said.id, name: said.name, args: parseJson(said.args) ?? {} },
        ...(said.sealed !== undefined && { thoughtSignature: said.sealed }),
      }
    default:
      return { text }
  }
}

const grounding = ({ said }: Answer): JsonObject => {
  const [one] = said.filter(one => one.type === 'text' && one.cited)
  if (one?.type !== 'text' || !one.cited) return {}
  const segment = { startIndex: 0, endIndex: one.text.length, text: one.text }
  return {
    groundingMetadata: {
      groundingChunks: [{ web: { uri: one.cited.url, title: one.cited.title } }],
      groundingSupports: [{ segment, groundingChunkIndices: [0] }],
    },
  }
}

const body = (answer: Answer, parts: JsonObject[], last: boolean): JsonObject => ({
  candidates: [
    {
      content: { role: 'model', parts },
      ...(last && { finishReason: finishes[answer.finish] }),
      index: 0,
      ...(last && grounding(answer)),
    },
  ],
  usageMetadata: usageOf(answer.usage ?? { input: 3, output: 5 }),
  ...head,
})

/** A signature alone comes with words; beside calls it stands on the first of them. */
const told = ({ said }: Answer): Said[] =>
  said.some(one => one.type === 'call') ? said.filter(one => one.type !== 'redacted') : said

const whole = (answer: Answer): JsonObject =>
  body(
    answer,
    told(answer).map(one => part(one, 'text' in one ? one.text : '')),
    true,
  )

/** A call comes whole. */
const frames = (answer: Answer): Frame[] => {
  const parts = steps({ ...answer, said: told(answer) }).flatMap(step => {
    const isWhole = step.said.type === 'call' || step.said.type === 'redacted'
    if (step.does === 'open' && isWhole) return [part(step.said, '')]
    return step.does === 'piece' && !isWhole ? [part(step.said, step.text)] : []
  })
  const chunks = parts.length > 0 ? parts : [{ text: '' }]
  return chunks.map((one, index) => ({ data: JSON.stringify(body(answer, [one], index === chunks.length - 1)) }))
}

export const gemini: Vendor = {
  id: 'gemini',
  model: 'gemini-2.5-pro',
  whole,
  frames,
  limited: {
    status: 429,
    body: {
      error: {
        code: 429,
        message: 'Too many requests.',
        status: 'RESOURCE_EXHAUSTED',
        details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '7s' }],
      },
    },
  },
  broken: { data: JSON.stringify({ error: { code: 503, message: 'Overloaded.', status: 'UNAVAILABLE' } }) },
  sealsOf: answer =>
    told(answer).flatMap(one => ((one.type === 'call' || one.type === 'redacted') && one.sealed ? [one.sealed] : [])),
  sealsIn: request => wordsUnder(request.contents, 'thoughtSignature'),
}
