/**
 * Reads a vendor's answer in the simplest way, without the code of the gateway: text, calls, finish and usage must be
 * the same after passthrough.
 */
import type { Answer, ChoiceContent } from './openai-chat.ts'

type Fields = Record<string, unknown>
type Call = { id: string; index: unknown; name: string; args: string }
type Choice = ChoiceContent & { openCalls: Call[] }

const finishReasons: Record<string, string> = { eos: 'stop', tool_call: 'tool_calls' }

/** Parses every data line, up to the first one that holds an error. */
export const chunksOf = (text: string): { chunks: Fields[]; failed: boolean; done: boolean } => {
  const chunks: Fields[] = []
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (!line.startsWith('data:')) continue
    const data = line.slice(5).trim()
    if (data === '[DONE]') return { chunks, failed: false, done: true }
    const chunk = JSON.parse(data) as Fields
    if (chunk.error) return { chunks, failed: true, done: false }
    chunks.push(chunk)
  }
  return { chunks, failed: false, done: false }
}

/** Reads chunks, which have a delta, or complete answers, which have a message. */
export const readNaively = (bodies: readonly Fields[], field: 'delta' | 'message'): Answer => {
  const choices = new Map<number, Choice>()
  let usage: Fields | undefined
  for (const body of bodies) {
    for (const choiceBody of (body.choices as Fields[] | undefined) ?? []) {
      const index = choiceBody.index as number
      const choice = choices.get(index) ?? {
        text: '',
        reasoning: '',
        refusal: '',
        calls: [],
        finish: undefined,
        openCalls: [],
      }
      choices.set(index, choice)
      readDelta(choice, (choiceBody[field] ?? choiceBody.message ?? {}) as Fields)
      if (choiceBody.finish_reason)
        choice.finish = finishReasons[choiceBody.finish_reason as string] ?? (choiceBody.finish_reason as string)
      if (isUsage(choiceBody.usage)) usage = choiceBody.usage
    }
    if (isUsage(body.usage)) usage = body.usage
  }
  const sorted = [...choices].sort(([left], [right]) => left - right).map(([, choice]) => finishedChoice(choice))
  return { choices: sorted, usage, chunks: bodies.length }
}

const isUsage = (value: unknown): value is Fields =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as Fields).prompt_tokens === 'number' &&
  typeof (value as Fields).completion_tokens === 'number'

const finishedChoice = ({ openCalls, ...choice }: Choice): ChoiceContent => {
  const calls = openCalls.map(({ name, args }) => ({ name, args: args === '' || args === 'null' ? '{}' : args }))
  const finish = choice.finish ?? 'stop'
  return { ...choice, calls, finish: finish === 'stop' && calls.length > 0 ? 'tool_calls' : finish }
}

const readDelta = (choice: Choice, delta: Fields) => {
  const { content } = delta
  if (typeof content === 'string') choice.text += content
  else if (Array.isArray(content))
    for (const part of content as Fields[]) if (part.type === 'text') choice.text += part.text as string
  if (content !== null && typeof content === 'object' && !Array.isArray(content)) choice.text += JSON.stringify(content)
  if (typeof delta.refusal === 'string') choice.refusal += delta.refusal
  choice.reasoning += reasoningOf(delta)
  for (const entry of (delta.tool_calls as Fields[] | null | undefined) ?? []) readCall(choice, entry)
}

const reasoningOf = (delta: Fields): string => {
  const text = delta.reasoning_content ?? delta.reasoning
  const parts = Array.isArray(delta.content) ? (delta.content as Fields[]).filter(part => part.type === 'thinking') : []
  const thinkingTexts = parts.flatMap(part => part.thinking as Fields[]).map(part => part.text as string)
  return `${typeof text === 'string' ? text : ''}${thinkingTexts.join('')}`
}

/** A call is identified by its id. Without an id it is the last call of its index. */
const readCall = (choice: Choice, entry: Fields) => {
  const id = (entry.id as string | null | undefined) ?? ''
  const body = (entry.custom && !entry.function ? entry.custom : entry.function) as Fields | undefined
  const rawArgs = body?.arguments ?? body?.input ?? ''
  const args = typeof rawArgs === 'string' ? rawArgs : JSON.stringify(rawArgs)
  const name = (body?.name as string | null | undefined) ?? ''
  const knownCall = choice.openCalls.findLast(call => (id === '' ? call.index === entry.index : call.id === id))
  if (knownCall) knownCall.args += args
  else choice.openCalls.push({ id, index: entry.index, name, args })
}
