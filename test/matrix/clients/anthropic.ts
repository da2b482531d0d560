/** A client of Messages. https://docs.claude.com/en/docs/agents-and-tools/tool-use/implement-tool-use */
import { type JsonObject, parseJson } from '../../../src/base/json/json.ts'
import type { Frame } from '../../../src/protocols/protocol.ts'
import { type Client, joined, listOf } from '../client.ts'

const slots: Record<string, string> = {
  text_delta: 'text',
  thinking_delta: 'thinking',
  input_json_delta: 'partial_json',
}

const hear = (block: JsonObject, args: string[], delta: JsonObject): void => {
  const slot = slots[String(delta.type)]
  if (delta.type === 'signature_delta') block.signature = delta.signature!
  else if (delta.type === 'citations_delta')
    block.citations = [...listOf(block.citations), delta.citation as JsonObject]
  else if (slot === 'partial_json') args.push(String(delta.partial_json))
  else if (slot !== undefined) block[slot] = String(block[slot] ?? '') + String(delta[slot])
  else throw new Error(`an unknown delta: ${JSON.stringify(delta)}`)
}

const gather = (frames: readonly Frame[]): JsonObject => {
  let message: JsonObject = {}
  const blocks: JsonObject[] = []
  const args = new Map<number, string[]>()
  for (const { event, data } of frames) {
    const body = JSON.parse(data) as JsonObject
    if (event !== body.type) throw new Error(`event "${event}" holds "${body.type}"`)
    const at = body.index as number
    if (body.type === 'message_start') message = structuredClone(body.message as JsonObject)
    else if (body.type === 'content_block_start') {
      if (at !== blocks.length) throw new Error('blocks are not numbered from 0 without a gap')
      blocks.push(structuredClone(body.content_block as JsonObject))
      args.set(at, [])
    } else if (body.type === 'content_block_delta') hear(blocks[at]!, args.get(at)!, body.delta as JsonObject)
    else if (body.type === 'message_delta') {
      Object.assign(message, body.delta)
      message.usage = { ...(message.usage as JsonObject), ...(body.usage as JsonObject) }
    }
  }
  if (frames.at(-1)?.event !== 'message_stop') throw new Error('no message_stop at the end')
  blocks.forEach((block, at) => {
    const text = args.get(at)!.join('')
    if (block.type === 'tool_use' && text !== '') block.input = parseJson(text)
  })
  return { ...message, content: blocks }
}

export const anthropic: Client = {
  id: 'anthropic',
  gather,
  next(request, answer, results) {
    const content = listOf(answer.content)
    const told = content
      .filter(({ type }) => type === 'tool_use')
      .map(({ id }) => ({ type: 'tool_result', tool_use_id: id!, content: results.get(String(id))! }))
    const turns: JsonObject[] = [
      { role: 'assistant', content },
      { role: 'user', content: told },
    ]
    return { ...request, messages: [...listOf(request.messages), ...turns] }
  },
  read(answer) {
    const content = listOf(answer.content)
    const calls = content
      .filter(({ type }) => type === 'tool_use')
      .map(({ id, name, input }) => ({ id: String(id), name: String(name), args: input }))
    return {
      text: joined(content, 'text'),
      thought: joined(content, 'thinking'),
      refusal: '',
      calls,
      finish: String(answer.stop_reason),
    }
  },
}
