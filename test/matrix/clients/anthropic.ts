/** A client of Messages. https://docs.claude.com/en/docs/agents-and-tools/tool-use/implement-tool-use */
import { type JsonObject, parseJson } from '../../../src/base/json/json.ts'
import type { Frame } from '../../../src/protocols/protocol.ts'
import { type Client, joinField, listOf } from '../scripted-client.ts'

const deltaFields: Record<string, string> = {
  text_delta: 'text',
  thinking_delta: 'thinking',
  input_json_delta: 'partial_json',
}

const applyDelta = (block: JsonObject, args: string[], delta: JsonObject): void => {
  const field = deltaFields[String(delta.type)]
  if (delta.type === 'signature_delta') block.signature = delta.signature!
  else if (delta.type === 'citations_delta')
    block.citations = [...listOf(block.citations), delta.citation as JsonObject]
  else if (field === 'partial_json') args.push(String(delta.partial_json))
  else if (field !== undefined) block[field] = String(block[field] ?? '') + String(delta[field])
  else throw new Error(`an unknown delta: ${JSON.stringify(delta)}`)
}

const assembleStream = (frames: readonly Frame[]): JsonObject => {
  let message: JsonObject = {}
  const blocks: JsonObject[] = []
  const args = new Map<number, string[]>()
  for (const { event, data } of frames) {
    const body = JSON.parse(data) as JsonObject
    if (event !== body.type) throw new Error(`event "${event}" holds "${body.type}"`)
    const index = body.index as number
    if (body.type === 'message_start') message = structuredClone(body.message as JsonObject)
    else if (body.type === 'content_block_start') {
      if (index !== blocks.length) throw new Error('blocks are not numbered from 0 without a gap')
      blocks.push(structuredClone(body.content_block as JsonObject))
      args.set(index, [])
    } else if (body.type === 'content_block_delta')
      applyDelta(blocks[index]!, args.get(index)!, body.delta as JsonObject)
    else if (body.type === 'message_delta') {
      Object.assign(message, body.delta)
      message.usage = { ...(message.usage as JsonObject), ...(body.usage as JsonObject) }
    }
  }
  if (frames.at(-1)?.event !== 'message_stop') throw new Error('no message_stop at the end')
  blocks.forEach((block, index) => {
    const text = args.get(index)!.join('')
    if (block.type === 'tool_use' && text !== '') block.input = parseJson(text)
  })
  return { ...message, content: blocks }
}

export const anthropic: Client = {
  id: 'anthropic',
  assembleStream,
  nextRequest(request, answer, results) {
    const content = listOf(answer.content)
    const toolResults = content
      .filter(({ type }) => type === 'tool_use')
      .map(({ id }) => ({ type: 'tool_result', tool_use_id: id!, content: results.get(String(id))! }))
    const turns: JsonObject[] = [
      { role: 'assistant', content },
      { role: 'user', content: toolResults },
    ]
    return { ...request, messages: [...listOf(request.messages), ...turns] }
  },
  parseAnswer(answer) {
    const content = listOf(answer.content)
    const calls = content
      .filter(({ type }) => type === 'tool_use')
      .map(({ id, name, input }) => ({ id: String(id), name: String(name), args: input }))
    return {
      text: joinField(content, 'text'),
      thought: joinField(content, 'thinking'),
      refusal: '',
      calls,
      finish: String(answer.stop_reason),
    }
  },
}
