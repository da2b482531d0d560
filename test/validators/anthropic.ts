/**
 * A state machine for Messages as documented by Anthropic: it accepts an answer or throws what is wrong with it. It is
 * written from https://platform.claude.com/docs/en/build-with-claude/streaming and …/docs/en/api/messages, not from the
 * code of the gateway: it checks what a strict client would demand.
 */

export type Call = { id: string; name: string; input: unknown; args: string }
export type Answer = {
  text: string
  thinking: string
  signatures: string[]
  calls: Call[]
  /** The types of the blocks, in order. */
  blocks: string[]
  stop: string
  sequence: string | null
  usage: Record<string, unknown>
}

type Fields = Record<string, unknown>
type Block = { type: string; text: string; json: string; fields: Fields; signature: string }

const stops = [
  'end_turn',
  'max_tokens',
  'stop_sequence',
  'tool_use',
  'pause_turn',
  'refusal',
  'model_context_window_exceeded',
]
/** The deltas that a block of a type accepts. Every other type accepts `input_json_delta` and deltas of its own. */
const allowedDeltas: Record<string, string[]> = {
  text: ['text_delta', 'citations_delta'],
  thinking: ['thinking_delta', 'signature_delta'],
  redacted_thinking: [],
  tool_use: ['input_json_delta'],
}

const fail = (what: string, at: unknown): never => {
  throw new Error(`${what}: ${JSON.stringify(at)?.slice(0, 400)}`)
}
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isCount = (value: unknown) => Number.isInteger(value) && (value as number) >= 0
const stringOf = (value: unknown) => (typeof value === 'string' ? value : '')

/** Reads a complete stream. Throws at the first deviation from the documentation. */
export const readStream = (text: string, model: string): Answer => {
  const frames = text.split('\n\n')
  if (frames.pop() !== '') fail('the last frame is not closed by a blank line', text.slice(-80))
  const validator = createEventValidator(model)
  for (const frame of frames) {
    const match = /^event: (\w+)\ndata: (.*)$/s.exec(frame)
    if (!match) fail('a frame is no event with data', frame)
    const body = JSON.parse(match![2]!.replaceAll('\ndata: ', '\n')) as Fields
    if (body.type !== match![1]) fail('the event is not the type', frame)
    validator.take(body)
  }
  return validator.end()
}

const createEventValidator = (model: string) => {
  const blocks: Block[] = []
  let phase: 'new' | 'begun' | 'concluded' | 'over' = 'new'
  let open: number | undefined
  let stop = ''
  let sequence: string | null = null
  let usage: Fields = {}

  const onMessageStart = ({ message }: Fields) => {
    if (phase !== 'new') fail('a second message_start', message)
    phase = 'begun'
    if (!isFields(message)) return fail('message', message)
    checkEnvelope(message, model)
    if (!Array.isArray(message.content) || message.content.length > 0) fail('content of message_start', message)
    if (message.stop_reason !== null || message.stop_sequence !== null) fail('a reason to stop at the start', message)
    usage = { ...(message.usage as Fields) }
  }

  const onBlockStart = ({ index, content_block: block }: Fields) => {
    if (phase !== 'begun') fail('a block outside the message', block)
    if (open !== undefined) fail('a block inside another', block)
    if (index !== blocks.length) fail('blocks are not numbered from 0 without a gap', index)
    if (!isFields(block)) return fail('content_block', block)
    checkBlock(block)
    open = index as number
    blocks.push({
      type: stringOf(block.type),
      text: stringOf(block.text),
      json: '',
      fields: block,
      signature: stringOf(block.signature),
    })
  }

  const onBlockDelta = ({ index, delta }: Fields) => {
    if (open === undefined || index !== open) fail('a delta outside its block', [index, delta])
    if (!isFields(delta)) return fail('delta', delta)
    const block = blocks[open!]!
    const allowed = allowedDeltas[block.type]
    if (allowed && !allowed.includes(stringOf(delta.type)))
      fail(`a ${stringOf(delta.type)} in a block of ${block.type}`, delta)
    if (delta.type === 'text_delta' && delta.text === '') fail('a delta without a word', delta)
    for (const [type, key] of [
      ['text_delta', 'text'],
      ['thinking_delta', 'thinking'],
      ['input_json_delta', 'partial_json'],
      ['signature_delta', 'signature'],
    ] as const)
      if (delta.type === type && typeof delta[key] !== 'string') fail(key, delta)
    if (delta.type === 'citations_delta' && !isFields(delta.citation)) fail('citation', delta)
    block.text += stringOf(delta.text) + stringOf(delta.thinking)
    block.json += stringOf(delta.partial_json)
    if (block.json !== '' && isFields(block.fields.input) && Object.keys(block.fields.input).length > 0)
      fail('a call whose input came whole goes on', delta)
    if (delta.type === 'signature_delta') block.signature = stringOf(delta.signature)
  }

  const onMessageDelta = (body: Fields) => {
    if (phase !== 'begun' && phase !== 'concluded') fail('message_delta', body)
    if (open !== undefined) fail('the message ends inside a block', body)
    phase = 'concluded'
    if (!isFields(body.delta) || !isFields(body.usage)) return fail('message_delta', body)
    if (!isCount(body.usage.output_tokens)) fail('message_delta without output_tokens', body)
    usage = { ...usage, ...body.usage }
    if (typeof body.delta.stop_reason === 'string') stop = body.delta.stop_reason
    sequence = (body.delta.stop_sequence as string | null | undefined) ?? null
  }

  const take = (body: Fields) => {
    if (phase === 'over') fail('something after message_stop', body)
    if (body.type === 'ping') return
    if (body.type === 'error') fail('an error', body)
    if (phase === 'new' && body.type !== 'message_start') fail('the stream does not begin with message_start', body)
    if (body.type === 'message_start') onMessageStart(body)
    else if (body.type === 'content_block_start') onBlockStart(body)
    else if (body.type === 'content_block_delta') onBlockDelta(body)
    else if (body.type === 'content_block_stop') {
      if (body.index !== open) fail('content_block_stop', body)
      open = undefined
    } else if (body.type === 'message_delta') onMessageDelta(body)
    else if (body.type === 'message_stop') phase = 'over'
  }

  const end = (): Answer => {
    if (phase !== 'over') fail('no message_stop', phase)
    const completeBlocks = blocks.map(({ type, fields, text, json, signature }) => ({
      ...fields,
      ...(type === 'text' && { text }),
      ...(type === 'thinking' && { thinking: text, signature }),
      ...(type === 'tool_use' && json !== '' && { input: parsed(json) }),
    }))
    const answer = answerOf(completeBlocks, stop, sequence, usage)
    answer.calls.forEach((call, index) => {
      call.args = blocks.filter(({ type }) => type === 'tool_use')[index]!.json || JSON.stringify(call.input)
    })
    return answer
  }

  return { take, end }
}

/** A call that was cut short has incomplete JSON. Its input is unknown. */
const parsed = (json: string): unknown => {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

const checkEnvelope = (message: Fields, model: string) => {
  if (typeof message.id !== 'string' || message.id === '') fail('id', message)
  if (message.type !== 'message' || message.role !== 'assistant') fail('type or role', message)
  if (message.model !== model) fail('model', message.model)
  const { usage } = message
  if (!isFields(usage) || !isCount(usage.input_tokens) || !isCount(usage.output_tokens)) fail('usage', message)
}

const checkBlock = (block: Fields) => {
  if (typeof block.type !== 'string') fail('a block without a type', block)
  if (block.type === 'text' && typeof block.text !== 'string') fail('text', block)
  if (block.type === 'thinking' && typeof block.thinking !== 'string') fail('thinking', block)
  if (block.type === 'redacted_thinking' && typeof block.data !== 'string') fail('redacted_thinking', block)
  if (block.type !== 'tool_use') return
  if (typeof block.id !== 'string' || block.id === '') fail('the id of a call', block)
  if (typeof block.name !== 'string' || block.name === '') fail('the name of a call', block)
  if (!isFields(block.input)) fail('the input of a call', block)
}

const answerOf = (blocks: Fields[], stop: string, sequence: string | null, usage: Fields): Answer => {
  const blocksOf = (type: string) => blocks.filter(block => block.type === type)
  const calls = blocksOf('tool_use').map(({ id, name, input }) => ({
    id: stringOf(id),
    name: stringOf(name),
    input,
    args: JSON.stringify(input),
  }))
  if (!stops.includes(stop)) fail('stop_reason', stop)
  if (stop === 'tool_use' && calls.length === 0) fail('tool_use without a call', blocks)
  if (stop === 'end_turn' && calls.length > 0) fail('end_turn after calls', blocks)
  if ((stop === 'stop_sequence') !== (sequence !== null)) fail('stop_sequence', [stop, sequence])
  if (new Set(calls.map(({ id }) => id)).size < calls.length) fail('two calls of one id', calls)
  return {
    text: blocksOf('text')
      .map(({ text }) => stringOf(text))
      .join(''),
    thinking: blocksOf('thinking')
      .map(({ thinking }) => stringOf(thinking))
      .join(''),
    signatures: blocksOf('thinking').map(({ signature }) => stringOf(signature)),
    calls,
    blocks: blocks.map(({ type }) => stringOf(type)),
    stop,
    sequence,
    usage,
  }
}

/** Reads a non-streaming answer. */
export const readMessage = (text: string, model: string): Answer => {
  const body = JSON.parse(text) as Fields
  checkEnvelope(body, model)
  if (!Array.isArray(body.content)) fail('content', body)
  for (const block of body.content as Fields[]) checkBlock(block)
  return answerOf(
    body.content as Fields[],
    stringOf(body.stop_reason),
    (body.stop_sequence as string | null) ?? null,
    body.usage as Fields,
  )
}
