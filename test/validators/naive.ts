/** What a vendor said, read in the plainest way, without our code: what text, calls, finish and usage must still be after the pass. */
import type { Answer, Heard } from './openai-chat.ts'

type Fields = Record<string, unknown>
type Call = { id: string; index: unknown; name: string; args: string }
type Choice = Heard & { open: Call[] }

const words: Record<string, string> = { eos: 'stop', tool_call: 'tool_calls' }

/** The JSON of every data line, up to the first that tells an error. */
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

/** Chunks, which speak in deltas, or whole answers, which have a message. */
export const readNaively = (bodies: readonly Fields[], speech: 'delta' | 'message'): Answer => {
  const choices = new Map<number, Choice>()
  let usage: Fields | undefined
  for (const body of bodies) {
    for (const given of (body.choices as Fields[] | undefined) ?? []) {
      const index = given.index as number
      const choice = choices.get(index) ?? {
        text: '',
        reasoning: '',
        refusal: '',
        calls: [],
        finish: undefined,
        open: [],
      }
      choices.set(index, choice)
      hear(choice, (given[speech] ?? given.message ?? {}) as Fields)
      if (given.finish_reason) choice.finish = words[given.finish_reason as string] ?? (given.finish_reason as string)
      if (isUsage(given.usage)) usage = given.usage
    }
    if (isUsage(body.usage)) usage = body.usage
  }
  const sorted = [...choices].sort(([left], [right]) => left - right).map(([, choice]) => ended(choice))
  return { choices: sorted, usage, chunks: bodies.length }
}

const isUsage = (value: unknown): value is Fields =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as Fields).prompt_tokens === 'number' &&
  typeof (value as Fields).completion_tokens === 'number'

const ended = ({ open, ...choice }: Choice): Heard => {
  const calls = open.map(({ name, args }) => ({ name, args: args === '' || args === 'null' ? '{}' : args }))
  const finish = choice.finish ?? 'stop'
  return { ...choice, calls, finish: finish === 'stop' && calls.length > 0 ? 'tool_calls' : finish }
}

const hear = (choice: Choice, speech: Fields) => {
  const { content } = speech
  if (typeof content === 'string') choice.text += content
  else if (Array.isArray(content))
    for (const part of content as Fields[]) if (part.type === 'text') choice.text += part.text as string
  if (content !== null && typeof content === 'object' && !Array.isArray(content)) choice.text += JSON.stringify(content)
  if (typeof speech.refusal === 'string') choice.refusal += speech.refusal
  choice.reasoning += thoughts(speech)
  for (const entry of (speech.tool_calls as Fields[] | null | undefined) ?? []) hearCall(choice, entry)
}

const thoughts = (speech: Fields): string => {
  const plain = speech.reasoning_content ?? speech.reasoning
  const parts = Array.isArray(speech.content)
    ? (speech.content as Fields[]).filter(part => part.type === 'thinking')
    : []
  const listed = parts.flatMap(part => part.thinking as Fields[]).map(part => part.text as string)
  return `${typeof plain === 'string' ? plain : ''}${listed.join('')}`
}

/** A call is known by its id; without one it is the last of its index. */
const hearCall = (choice: Choice, entry: Fields) => {
  const id = (entry.id as string | null | undefined) ?? ''
  const body = (entry.custom && !entry.function ? entry.custom : entry.function) as Fields | undefined
  const said = body?.arguments ?? body?.input ?? ''
  const args = typeof said === 'string' ? said : JSON.stringify(said)
  const name = (body?.name as string | null | undefined) ?? ''
  const same = choice.open.findLast(call => (id === '' ? call.index === entry.index : call.id === id))
  if (same) same.args += args
  else choice.open.push({ id, index: entry.index, name, args })
}
