/** Converse as Bedrock says it. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html */

import { type JsonObject, parseJson } from '../../../src/base/json/json.ts'
import type { FinishReason, Usage } from '../../../src/ir/chat.ts'
import type { Frame } from '../../../src/protocols/protocol.ts'
import { type Answer, type Said, type Step, steps, type Vendor, valuesUnder } from '../answer.ts'

const finishes: Record<FinishReason, string> = {
  stop: 'end_turn',
  length: 'max_tokens',
  calls: 'tool_use',
  filter: 'content_filtered',
  pause: 'end_turn',
  other: 'guardrail_intervened',
}

const reasonOf = ({ finish, stop }: Answer) => (stop === undefined ? finishes[finish] : 'stop_sequence')

/** `inputTokens` counts neither what was read from the cache nor what was written to it. */
const usageOf = ({ input, output, cacheRead = 0, cacheWrite = 0 }: Usage): JsonObject => ({
  inputTokens: input - cacheRead - cacheWrite,
  outputTokens: output,
  totalTokens: input + output,
  cacheReadInputTokens: cacheRead,
  cacheWriteInputTokens: cacheWrite,
})

const block = (said: Said): JsonObject => {
  switch (said.type) {
    case 'thought':
      return {
        reasoningContent: { reasoningText: { text: said.text, ...(said.sealed && { signature: said.sealed }) } },
      }
    case 'redacted':
      return { reasoningContent: { redactedContent: said.sealed } }
    case 'call':
      return { toolUse: { toolUseId: said.id, name: said.name, input: parseJson(said.args) ?? {} } }
    default:
      return { text: said.text }
  }
}

const whole = (answer: Answer): JsonObject => ({
  output: { message: { role: 'assistant', content: answer.said.map(block) } },
  stopReason: reasonOf(answer),
  ...(answer.usage && { usage: usageOf(answer.usage) }),
  metrics: { latencyMs: 400 },
})

const frame = (event: string, fields: JsonObject): Frame => ({ event, data: JSON.stringify(fields) })

const delta = (said: Said, text: string): JsonObject => {
  if (said.type === 'thought') return { reasoningContent: { text } }
  return said.type === 'call' ? { toolUse: { input: text } } : { text }
}

/** Only calls are announced; texts and thoughts begin with their first piece. */
const told = (step: Step): Frame[] => {
  const { at: contentBlockIndex, said } = step
  const add = (delta: JsonObject) => frame('contentBlockDelta', { contentBlockIndex, delta })
  if (step.does === 'open' && said.type === 'call') {
    const start = { toolUse: { toolUseId: said.id, name: said.name } }
    return [frame('contentBlockStart', { contentBlockIndex, start })]
  }
  if (step.does === 'open')
    return said.type === 'redacted' ? [add({ reasoningContent: { redactedContent: said.sealed } })] : []
  if (step.does === 'piece') return [add(delta(said, step.text))]
  const seal = said.type === 'thought' && said.sealed ? [add({ reasoningContent: { signature: said.sealed } })] : []
  return [...seal, frame('contentBlockStop', { contentBlockIndex })]
}

const frames = (answer: Answer): Frame[] => [
  frame('messageStart', { role: 'assistant' }),
  ...steps(answer).flatMap(told),
  frame('messageStop', { stopReason: reasonOf(answer) }),
  frame('metadata', { usage: usageOf(answer.usage ?? { input: 3, output: 5 }), metrics: { latencyMs: 400 } }),
]

/** An exception is no event of the stream but of its framing, so that a stream breaks by being cut. */
export const bedrockConverse: Vendor = {
  id: 'bedrock-converse',
  model: 'anthropic.claude-sonnet-4-5-20250929-v1:0',
  whole,
  frames,
  limited: {
    status: 429,
    headers: { 'x-amzn-errortype': 'ThrottlingException' },
    body: { message: 'Too many requests.' },
  },
  sealsOf: ({ said }) =>
    said.flatMap(one => ((one.type === 'thought' || one.type === 'redacted') && one.sealed ? [one.sealed] : [])),
  sealsIn: request =>
    valuesUnder(request.messages, 'reasoningContent').map(one => {
      const { reasoningText, redactedContent } = one as { reasoningText?: JsonObject; redactedContent?: string }
      return String(redactedContent ?? reasoningText?.signature)
    }),
}
