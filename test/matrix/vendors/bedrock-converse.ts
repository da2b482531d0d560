/**
 * Converse as Bedrock sends it. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
 */

import { type JsonObject, parseJson } from '../../../src/base/json/json.ts'
import type { FinishReason, Usage } from '../../../src/ir/chat.ts'
import type { Frame } from '../../../src/protocols/protocol.ts'
import {
  type AnswerPart,
  type ScriptedAnswer,
  type StreamStep,
  streamSteps,
  type Vendor,
  valuesUnder,
} from '../scripted-vendor.ts'

const stopReasons: Record<FinishReason, string> = {
  stop: 'end_turn',
  length: 'max_tokens',
  calls: 'tool_use',
  filter: 'content_filtered',
  pause: 'end_turn',
  other: 'guardrail_intervened',
}

const stopReasonOf = ({ finish, stop }: ScriptedAnswer) => (stop === undefined ? stopReasons[finish] : 'stop_sequence')

/** `inputTokens` excludes tokens read from the cache and tokens written to it. */
const usageOf = ({ input, output, cacheRead = 0, cacheWrite = 0 }: Usage): JsonObject => ({
  inputTokens: input - cacheRead - cacheWrite,
  outputTokens: output,
  totalTokens: input + output,
  cacheReadInputTokens: cacheRead,
  cacheWriteInputTokens: cacheWrite,
})

const contentBlock = (part: AnswerPart): JsonObject => {
  switch (part.type) {
    case 'thought':
      return {
        reasoningContent: { reasoningText: { text: part.text, ...(part.seal && { signature: part.seal }) } },
      }
    case 'redacted':
      return { reasoningContent: { redactedContent: part.seal } }
    case 'call':
      return { toolUse: { toolUseId: part.id, name: part.name, input: parseJson(part.args) ?? {} } }
    default:
      return { text: part.text }
  }
}

const renderMessage = (answer: ScriptedAnswer): JsonObject => ({
  output: { message: { role: 'assistant', content: answer.parts.map(contentBlock) } },
  stopReason: stopReasonOf(answer),
  ...(answer.usage && { usage: usageOf(answer.usage) }),
  metrics: { latencyMs: 400 },
})

const frame = (event: string, fields: JsonObject): Frame => ({ event, data: JSON.stringify(fields) })

const delta = (part: AnswerPart, text: string): JsonObject => {
  if (part.type === 'thought') return { reasoningContent: { text } }
  return part.type === 'call' ? { toolUse: { input: text } } : { text }
}

/** Only calls have a start event. Text and thoughts begin with their first delta. */
const eventsOf = (step: StreamStep): Frame[] => {
  const { at: contentBlockIndex, part } = step
  const add = (delta: JsonObject) => frame('contentBlockDelta', { contentBlockIndex, delta })
  if (step.phase === 'open' && part.type === 'call') {
    const start = { toolUse: { toolUseId: part.id, name: part.name } }
    return [frame('contentBlockStart', { contentBlockIndex, start })]
  }
  if (step.phase === 'open')
    return part.type === 'redacted' ? [add({ reasoningContent: { redactedContent: part.seal } })] : []
  if (step.phase === 'piece') return [add(delta(part, step.text))]
  const seal = part.type === 'thought' && part.seal ? [add({ reasoningContent: { signature: part.seal } })] : []
  return [...seal, frame('contentBlockStop', { contentBlockIndex })]
}

const renderStream = (answer: ScriptedAnswer): Frame[] => [
  frame('messageStart', { role: 'assistant' }),
  ...streamSteps(answer).flatMap(eventsOf),
  frame('messageStop', { stopReason: stopReasonOf(answer) }),
  frame('metadata', { usage: usageOf(answer.usage ?? { input: 3, output: 5 }), metrics: { latencyMs: 400 } }),
]

/** An exception belongs to the framing and is no event of the stream, so a broken stream is simply cut. */
export const bedrockConverse: Vendor = {
  id: 'bedrock-converse',
  model: 'anthropic.claude-sonnet-4-5-20250929-v1:0',
  renderMessage,
  renderStream,
  rateLimited: {
    status: 429,
    headers: { 'x-amzn-errortype': 'ThrottlingException' },
    body: { message: 'Too many requests.' },
  },
  sealsOf: ({ parts }) =>
    parts.flatMap(one => ((one.type === 'thought' || one.type === 'redacted') && one.seal ? [one.seal] : [])),
  sealsIn: request =>
    valuesUnder(request.messages, 'reasoningContent').map(one => {
      const { reasoningText, redactedContent } = one as { reasoningText?: JsonObject; redactedContent?: string }
      return String(redactedContent ?? reasoningText?.signature)
    }),
}
