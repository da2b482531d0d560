/**
 * A state machine for Chat Completions as documented by OpenAI: it accepts an answer or throws what is wrong with it.
 * It is written from https://platform.openai.com/docs/api-reference/chat-streaming and /chat/object, not from the code
 * of the gateway: it checks what a strict client would demand.
 */

export type ChoiceContent = {
  text: string
  reasoning: string
  refusal: string
  calls: { name: string; args: string }[]
  finish: string | undefined
}
export type Answer = { choices: ChoiceContent[]; usage: Record<string, unknown> | undefined; chunks: number }

type Fields = Record<string, unknown>
type Choice = ChoiceContent & { hasStarted: boolean; ids: string[] }

const finishes = ['stop', 'length', 'tool_calls', 'content_filter', 'function_call']
const fail = (what: string, at: unknown): never => {
  throw new Error(`${what}: ${JSON.stringify(at)?.slice(0, 400)}`)
}
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isCount = (value: unknown) => Number.isInteger(value) && (value as number) >= 0
const nullable = (value: unknown, type: string) => value === undefined || value === null || typeof value === type

/** Reads a complete stream. Throws at the first deviation from the documentation. */
export const readStream = (text: string, model: string): Answer => {
  const frames = text.split('\n\n')
  if (frames.pop() !== '') fail('the last frame is not closed by a blank line', text.slice(-80))
  if (frames.pop() !== 'data: [DONE]') fail('the stream does not end with [DONE]', text.slice(-200))
  const validator = createChunkValidator(model)
  for (const frame of frames) {
    if (!frame.startsWith('data: ')) fail('a frame is no data', frame)
    validator.take(JSON.parse(frame.slice(6).replaceAll('\ndata: ', '\n')) as Fields)
  }
  return validator.end()
}

const createChunkValidator = (model: string) => {
  const choices = new Map<number, Choice>()
  let first: Fields | undefined
  let usage: Fields | undefined
  let chunks = 0

  const checkEnvelope = (chunk: Fields) => {
    first ??= chunk
    if (typeof chunk.id !== 'string' || chunk.id === '') fail('no id', chunk)
    if (chunk.id !== first.id) fail('another id', [first.id, chunk.id])
    if (chunk.object !== 'chat.completion.chunk') fail('object', chunk)
    if (!Number.isInteger(chunk.created) || (chunk.created as number) <= 0) fail('created', chunk)
    if (chunk.created !== first.created) fail('created changes', [first.created, chunk.created])
    if (chunk.model !== model) fail('model', chunk)
    if (!Array.isArray(chunk.choices)) fail('choices', chunk)
    usage = readUsage(chunk) ?? usage
  }

  const take = (chunk: Fields) => {
    chunks++
    checkEnvelope(chunk)
    for (const choice of chunk.choices as unknown[]) {
      if (!isFields(choice) || !isCount(choice.index)) fail('index', choice)
      const { index, delta, finish_reason: finish, logprobs } = choice as Fields
      if (!isFields(delta)) fail('delta', choice)
      if (!nullable(logprobs, 'object')) fail('logprobs', choice)
      const known = choices.get(index as number) ?? {
        text: '',
        reasoning: '',
        refusal: '',
        calls: [],
        finish: undefined,
        hasStarted: false,
        ids: [],
      }
      choices.set(index as number, known)
      if (known.finish !== undefined) fail('a chunk after the finish of its choice', choice)
      readDelta(delta as Fields, known)
      if (finish !== null && !finishes.includes(finish as string)) fail('finish_reason', choice)
      if (typeof finish === 'string') known.finish = finish
    }
  }

  const end = (): Answer => {
    for (const choice of choices.values()) checkEnd(choice)
    if (choices.size === 0) fail('no choice', first)
    return { choices: [...choices].sort(([left], [right]) => left - right).map(([, choice]) => choice), usage, chunks }
  }

  return { take, end }
}

const readDelta = (delta: Fields, choice: Choice) => {
  if (!choice.hasStarted && delta.role !== 'assistant') fail('the first delta names no assistant', delta)
  if (choice.hasStarted && delta.role !== undefined && delta.role !== 'assistant') fail('role', delta)
  choice.hasStarted = true
  for (const key of ['content', 'refusal', 'reasoning_content'] as const)
    if (!nullable(delta[key], 'string')) fail(key, delta)
  if (typeof delta.reasoning === 'string' && delta.reasoning !== '' && delta.reasoning_content === undefined)
    fail('reasoning without reasoning_content', delta)
  choice.text += (delta.content as string | undefined) ?? ''
  choice.refusal += (delta.refusal as string | undefined) ?? ''
  choice.reasoning += (delta.reasoning_content as string | undefined) ?? ''
  if ('function_call' in delta && !isFields(delta.function_call)) fail('function_call', delta)
  if (!('tool_calls' in delta)) return
  const calls = delta.tool_calls
  if (!Array.isArray(calls) || calls.length === 0) fail('tool_calls', delta)
  for (const call of calls as unknown[]) readCall(call, choice)
}

const readCall = (call: unknown, choice: Choice) => {
  if (!isFields(call) || !isCount(call.index)) return fail('a call without index', call)
  const index = call.index as number
  const custom = call.type === 'custom' || 'custom' in call
  const body = (custom ? call.custom : call.function) as Fields | undefined
  if (!isFields(body)) return fail('a call without its function', call)
  const args = custom ? body.input : body.arguments
  if (typeof args !== 'string') return fail('arguments are no string', call)
  const known = choice.calls[index]
  if (known) {
    if (call.id !== undefined || call.type !== undefined || body.name !== undefined)
      fail('a later delta names its call again', call)
    known.args += args
    return
  }
  if (index !== choice.calls.length) fail('calls are not numbered from 0 without a gap', call)
  if (typeof call.id !== 'string' || call.id === '' || choice.ids.includes(call.id)) fail('the id of a call', call)
  if (call.type !== 'function' && call.type !== 'custom') fail('the type of a call', call)
  if (typeof body.name !== 'string' || body.name === '') fail('the name of a call', call)
  choice.ids.push(call.id as string)
  choice.calls.push({ name: body.name as string, args })
}

const checkEnd = (choice: Choice) => {
  if (choice.finish === undefined) fail('no finish', choice)
  if (choice.calls.length > 0 && choice.finish === 'stop') fail('"stop" after calls', choice)
  if (choice.calls.some(({ args }) => args === '' || args === 'null')) fail('a call without arguments', choice.calls)
}

const readUsage = (body: Fields): Fields | undefined => {
  const { usage } = body
  if (usage === undefined || usage === null) return undefined
  if (!isFields(usage) || ![usage.prompt_tokens, usage.completion_tokens, usage.total_tokens].every(isCount))
    fail('usage', body)
  return usage as Fields
}

/** Reads a non-streaming answer. */
export const readMessage = (text: string, model: string): Answer => {
  const body = JSON.parse(text) as Fields
  if (text.startsWith(' ') || text.startsWith('\n')) fail('space before the answer', text.slice(0, 20))
  if (typeof body.id !== 'string' || body.id === '') fail('id', body)
  if (body.object !== 'chat.completion') fail('object', body)
  if (!Number.isInteger(body.created) || (body.created as number) <= 0) fail('created', body)
  if (body.model !== model) fail('model', body)
  const usage = readUsage(body)
  if (!Array.isArray(body.choices) || body.choices.length === 0) fail('choices', body)
  const choices = (body.choices as Fields[]).map(choice => {
    if (!isCount(choice.index)) fail('index', choice)
    if (!finishes.includes(choice.finish_reason as string)) fail('finish_reason', choice)
    const content = readAnswerMessage(choice.message)
    const choiceState = { ...content, finish: choice.finish_reason as string, hasStarted: true, ids: [] }
    checkEnd(choiceState)
    return choiceState
  })
  return { choices, usage, chunks: 1 }
}

const readAnswerMessage = (message: unknown): Omit<ChoiceContent, 'finish'> => {
  if (!isFields(message) || message.role !== 'assistant') return fail('message', message)
  if (message.content !== null && typeof message.content !== 'string') fail('content', message)
  if (!nullable(message.refusal, 'string')) fail('refusal', message)
  if ('tool_calls' in message && !(Array.isArray(message.tool_calls) && message.tool_calls.length > 0))
    fail('tool_calls', message)
  const ids: string[] = []
  const calls = ((message.tool_calls ?? []) as Fields[]).map(call => {
    const body = (call.type === 'custom' ? call.custom : call.function) as Fields
    const args = call.type === 'custom' ? body.input : body.arguments
    if (typeof call.id !== 'string' || call.id === '' || ids.includes(call.id)) fail('the id of a call', call)
    if (call.type !== 'function' && call.type !== 'custom') fail('the type of a call', call)
    if (typeof body.name !== 'string' || typeof args !== 'string') fail('a call', call)
    ids.push(call.id as string)
    return { name: body.name as string, args: args as string }
  })
  const stringOf = (value: unknown) => (typeof value === 'string' ? value : '')
  return {
    text: stringOf(message.content),
    refusal: stringOf(message.refusal),
    reasoning: stringOf(message.reasoning_content),
    calls,
  }
}
