/**
 * generateContent as Google sends it. https://ai.google.dev/api/generate-content,
 * https://ai.google.dev/gemini-api/docs/thought-signatures
 */

import { type JsonObject, parseJson } from '../../../src/base/json/json.ts'
import type { FinishReason, Usage } from '../../../src/ir/chat.ts'
import type { Frame } from '../../../src/protocols/protocol.ts'
import { type AnswerPart, type ScriptedAnswer, streamSteps, stringsUnder, type Vendor } from '../scripted-vendor.ts'

const envelope = { modelVersion: 'vendor-model', responseId: 'gemini-vendor' }

/** There is no finish reason for a call. */
const finishReasons: Record<FinishReason, string> = {
  stop: 'STOP',
  length: 'MAX_TOKENS',
  calls: 'STOP',
  filter: 'SAFETY',
  pause: 'STOP',
  other: 'OTHER',
}

/** Thoughts are counted separately from the candidates. */
const usageOf = ({ input, output, cacheRead, reasoning }: Usage): JsonObject => ({
  promptTokenCount: input,
  candidatesTokenCount: output - (reasoning ?? 0),
  totalTokenCount: input + output,
  ...(cacheRead !== undefined && { cachedContentTokenCount: cacheRead }),
  ...(reasoning !== undefined && { thoughtsTokenCount: reasoning }),
})

/** A signature belongs to the call that follows the thoughts, or to a text; never to a thought. */
const renderPart = (part: AnswerPart, text: string): JsonObject => {
  switch (part.type) {
    case 'thought':
      return { text, thought: true }
    case 'redacted':
      return { text: '', thoughtSignature: part.seal }
    case 'call':
      return {
        functionCall: { id: part.id, name: part.name, args: parseJson(part.args) ?? {} },
        ...(part.seal !== undefined && { thoughtSignature: part.seal }),
      }
    default:
      return { text }
  }
}

const grounding = ({ parts }: ScriptedAnswer): JsonObject => {
  const [one] = parts.filter(one => one.type === 'text' && one.citation)
  if (one?.type !== 'text' || !one.citation) return {}
  const segment = { startIndex: 0, endIndex: one.text.length, text: one.text }
  return {
    groundingMetadata: {
      groundingChunks: [{ web: { uri: one.citation.url, title: one.citation.title } }],
      groundingSupports: [{ segment, groundingChunkIndices: [0] }],
    },
  }
}

const renderChunk = (answer: ScriptedAnswer, parts: JsonObject[], isLast: boolean): JsonObject => ({
  candidates: [
    {
      content: { role: 'model', parts },
      ...(isLast && { finishReason: finishReasons[answer.finish] }),
      index: 0,
      ...(isLast && grounding(answer)),
    },
  ],
  usageMetadata: usageOf(answer.usage ?? { input: 3, output: 5 }),
  ...envelope,
})

/** A separate signature part accompanies text. Beside calls, the first call carries the signature. */
const emittedParts = ({ parts }: ScriptedAnswer): AnswerPart[] =>
  parts.some(one => one.type === 'call') ? parts.filter(one => one.type !== 'redacted') : parts

const renderMessage = (answer: ScriptedAnswer): JsonObject =>
  renderChunk(
    answer,
    emittedParts(answer).map(one => renderPart(one, 'text' in one ? one.text : '')),
    true,
  )

/** A call arrives in one piece. */
const renderStream = (answer: ScriptedAnswer): Frame[] => {
  const parts = streamSteps({ ...answer, parts: emittedParts(answer) }).flatMap(step => {
    const isWhole = step.part.type === 'call' || step.part.type === 'redacted'
    if (step.phase === 'open' && isWhole) return [renderPart(step.part, '')]
    return step.phase === 'piece' && !isWhole ? [renderPart(step.part, step.text)] : []
  })
  const chunks = parts.length > 0 ? parts : [{ text: '' }]
  return chunks.map((one, index) => ({ data: JSON.stringify(renderChunk(answer, [one], index === chunks.length - 1)) }))
}

export const gemini: Vendor = {
  id: 'gemini',
  model: 'gemini-2.5-pro',
  renderMessage,
  renderStream,
  rateLimited: {
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
  overloadedFrame: { data: JSON.stringify({ error: { code: 503, message: 'Overloaded.', status: 'UNAVAILABLE' } }) },
  sealsOf: answer =>
    emittedParts(answer).flatMap(one =>
      (one.type === 'call' || one.type === 'redacted') && one.seal ? [one.seal] : [],
    ),
  sealsIn: request => stringsUnder(request.contents, 'thoughtSignature'),
}
