/**
 * Reads the streams of the four chat protocols in the simplest way, without the code of the gateway: what was said,
 * refused and called. A stream that reports an error, or is cut off, has no reading.
 */
import { chunksOf } from './naive.ts'

type Fields = Record<string, unknown>
type Said = { type: 'text' | 'refusal'; text: string }
type Called = { type: 'call'; name: string; args: string; custom: boolean }
export type ReadPart = Said | Called

/** The data of each frame, parsed. */
const dataOf = (text: string): Fields[] =>
  text
    .split(/\r\n\r\n|\n\n|\r\r/)
    .map(frame =>
      frame
        .split(/\r\n|\n|\r/)
        .filter(line => line.startsWith('data:'))
        .map(line => line.slice(5))
        .join('\n')
        .trim(),
    )
    .filter(data => data !== '' && data !== '[DONE]')
    .map(data => JSON.parse(data) as Fields)

const listOf = (value: unknown): Fields[] => (Array.isArray(value) ? (value as Fields[]) : [])

/** Chat Completions, the first choice. */
const readChat = (text: string): ReadPart[] | undefined => {
  const { chunks, failed, done } = chunksOf(text)
  const choices = chunks.flatMap(({ choices: list }) => listOf(list)).filter(({ index }) => (index ?? 0) === 0)
  if (failed || !(done || choices.some(choice => choice.finish_reason))) return undefined
  let [said, refused] = ['', '']
  const calls: (Called & { id: string; index: unknown })[] = []
  for (const choice of choices) {
    const delta = (choice.delta ?? choice.message ?? {}) as Fields
    said += textOfContent(delta.content)
    if (typeof delta.refusal === 'string') refused += delta.refusal
    for (const entry of listOf(delta.tool_calls)) readChatCall(calls, entry)
  }
  // A call without arguments may say `null`.
  const finished = calls.map(call => ({ ...call, args: call.args === 'null' ? '' : call.args }))
  return [{ type: 'text', text: said }, { type: 'refusal', text: refused }, ...finished]
}

const textOfContent = (content: unknown): string => {
  if (typeof content === 'string') return content
  if (Array.isArray(content))
    return listOf(content)
      .map(part => (part.type === 'text' ? part.text : ''))
      .join('')
  return content !== null && typeof content === 'object' ? JSON.stringify(content) : ''
}

const readChatCall = (calls: (Called & { id: string; index: unknown })[], entry: Fields) => {
  const id = (entry.id as string | null | undefined) ?? ''
  const custom = entry.custom !== undefined && !entry.function
  const body = (custom ? entry.custom : (entry.function ?? {})) as Fields
  const rawArgs = body.arguments ?? body.input ?? ''
  const args = typeof rawArgs === 'string' ? rawArgs : JSON.stringify(rawArgs)
  const known = calls.findLast(call => (id === '' ? call.index === entry.index : call.id === id))
  if (known) known.args += args
  else calls.push({ type: 'call', id, index: entry.index, name: (body.name as string | null) ?? '', args, custom })
}

/** Messages. */
const readMessages = (text: string): ReadPart[] | undefined => {
  const events = dataOf(text)
  const stop = events.findIndex(({ type }) => type === 'message_stop')
  const read = stop === -1 ? events : events.slice(0, stop)
  const starts = read.filter(({ type }) => type === 'message_start')
  if (stop === -1 || starts.length !== 1 || read.some(({ type }) => type === 'error')) return undefined
  const parts = new Map<unknown, ReadPart>()
  for (const event of read) {
    const block = event.content_block as Fields | undefined
    const delta = event.delta as Fields | undefined
    if (block?.type === 'text') parts.set(event.index, { type: 'text', text: block.text as string })
    if (block?.type === 'tool_use')
      parts.set(event.index, { type: 'call', name: block.name as string, args: '', custom: false })
    const reason = (delta?.stop_details as Fields | undefined)?.explanation
    if (typeof reason === 'string') parts.set('refusal', { type: 'refusal', text: reason })
    const part = parts.get(event.index)
    if (part?.type === 'text' && delta?.type === 'text_delta') part.text += delta.text
    if (part?.type === 'call' && delta?.type === 'input_json_delta') part.args += delta.partial_json
    const input = block?.input as Fields | undefined
    if (part?.type === 'call' && input && Object.keys(input).length > 0) part.args = JSON.stringify(input)
  }
  return [...parts.values()]
}

/** Responses: the items that were announced as done, else those of the final response. */
const readResponses = (text: string): ReadPart[] | undefined => {
  const events = dataOf(text)
  const ends = ['response.completed', 'response.incomplete', 'response.failed', 'error']
  const end = events.findIndex(({ type }) => ends.includes(type as string))
  const last = events[end]
  if (last?.type !== 'response.completed' && last?.type !== 'response.incomplete') return undefined
  const done = events.slice(0, end).filter(({ type }) => type === 'response.output_item.done')
  const items = done.length > 0 ? done.map(({ item }) => item as Fields) : listOf((last.response as Fields).output)
  return items.flatMap((item): ReadPart[] => {
    if (item.type === 'message')
      return listOf(item.content).map(part =>
        part.type === 'refusal'
          ? { type: 'refusal', text: part.refusal as string }
          : { type: 'text', text: part.text as string },
      )
    if (item.type === 'function_call')
      return [{ type: 'call', name: item.name as string, args: item.arguments as string, custom: false }]
    if (item.type === 'custom_tool_call')
      return [{ type: 'call', name: item.name as string, args: item.input as string, custom: true }]
    return []
  })
}

/** generateContent, the first candidate. */
const readGemini = (text: string): ReadPart[] | undefined => {
  const chunks = dataOf(text)
  const candidates = chunks.flatMap(({ candidates: list }) => listOf(list)).filter(({ index }) => (index ?? 0) === 0)
  if (chunks.some(({ error }) => error) || !candidates.some(({ finishReason }) => finishReason)) return undefined
  const read: ReadPart[] = []
  let args: Fields = {}
  for (const part of candidates.flatMap(({ content }) => listOf((content as Fields | undefined)?.parts))) {
    const call = part.functionCall as Fields | undefined
    if (typeof call?.name === 'string') {
      args = (call.args as Fields | undefined) ?? {}
      read.push({ type: 'call', name: call.name, args: '', custom: false })
    } else if (typeof part.text === 'string' && part.thought !== true) read.push({ type: 'text', text: part.text })
    if (call === undefined) continue
    for (const piece of listOf(call.partialArgs)) addPiece(args, piece)
    const called = read.at(-1)
    if (called?.type === 'call') called.args = JSON.stringify(args)
  }
  return read
}

/** A piece of arguments says where it belongs, as `$.recipe.steps[0].text`. Texts come in several pieces. */
const addPiece = (args: Fields, { jsonPath, stringValue, numberValue, boolValue }: Fields) => {
  const keys = (jsonPath as string).match(/[^$.[\]'"]+/g) ?? []
  let place = args
  for (const [at, key] of keys.slice(0, -1).entries()) {
    place[key] ??= /^\d+$/.test(keys[at + 1]!) ? [] : {}
    place = place[key] as Fields
  }
  const key = keys.at(-1)!
  if (typeof stringValue === 'string') place[key] = `${place[key] ?? ''}${stringValue}`
  else place[key] = numberValue ?? boolValue ?? null
}

export const readers = {
  'openai-chat': readChat,
  anthropic: readMessages,
  'openai-responses': readResponses,
  gemini: readGemini,
}
