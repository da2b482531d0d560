/** Vendors that refuse a tool call without the reasoning before it, and clients that drop this reasoning. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'

const toolCall = { id: 'call_7', type: 'function', function: { name: 'look', arguments: '{"where":"up"}' } }
const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }]
const reasoning = 'Where is it? Up.'

const chunk = (delta: object, finishReason: string | null = null) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'v', choices: [{ index: 0, delta, finish_reason: finishReason }] })}\n\n`

/** Sends reasoning, word by word in a stream, and a tool call. */
const reasoningScript: Script = async (answer, { json }) => {
  const { stream } = json() as { stream?: boolean }
  if (!stream) {
    const message = { role: 'assistant', content: null, reasoning_content: reasoning, tool_calls: [toolCall] }
    const choices = [{ index: 0, message, finish_reason: 'tool_calls' }]
    answer.writeHead(200, { 'content-type': 'application/json' })
    await answer.write(JSON.stringify({ id: 'c', object: 'chat.completion', created: 1, model: 'v', choices }))
    return answer.end()
  }
  answer.writeHead(200, { 'content-type': 'text/event-stream' })
  await answer.write(chunk({ role: 'assistant', content: null, reasoning_content: '' }))
  for (const word of reasoning.split(/(?<= )/)) {
    await answer.write(chunk({ content: null, reasoning_content: word }))
    await answer.wait(5)
  }
  await answer.write(chunk({ tool_calls: [{ index: 0, ...toolCall }] }))
  await answer.write(`${chunk({}, 'tool_calls')}data: [DONE]\n\n`)
  answer.end()
}

let upstream: Upstream
let gateway: Gateway

beforeAll(async () => {
  upstream = await scriptedUpstream(reasoningScript)
  const entry = (model: string) => ({
    enabled: true,
    models: [model],
    server_url: upstream.url,
    credentials: { api_key: 'k' },
  })
  gateway = await startGateway({
    api_keys: [
      { api_key: 'alice-key', name: 'alice' },
      { api_key: 'bob-key', name: 'bob' },
    ],
    services: { deepseek: [entry('thinks')], openai: [{ ...entry('plain'), server_url: `${upstream.url}/v1` }] },
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

const send = async (body: object, key = 'alice-key') => {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` }
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  })
  return answer.text()
}
const question = { role: 'user', content: 'where?' }
const history = [
  question,
  { role: 'assistant', content: null, tool_calls: [toolCall] },
  { role: 'tool', tool_call_id: toolCall.id, content: 'here' },
]
/** The assistant message that the vendor received. */
const returnedMessage = () =>
  (upstream.requests.at(-1)!.json() as { messages: { reasoning_content?: string }[] }).messages[1]

describe('dropped reasoning', () => {
  test.each([true, false])(
    'reasoning that the client drops is restored for the vendor that requires it (streamed: %p)',
    async stream => {
      await send({ model: 'thinks', stream, messages: [question], tools })
      await send({ model: 'thinks', messages: history, tools })
      expect(returnedMessage()?.reasoning_content).toBe(reasoning)
    },
  )

  test('reasoning that the client drops is empty, which the vendor accepts, if it is unknown: for another caller or another call', async () => {
    await send({ model: 'thinks', messages: [question], tools })
    await send({ model: 'thinks', messages: history, tools }, 'bob-key')
    expect(returnedMessage()?.reasoning_content).toBe('')
    const other = { ...history[1], tool_calls: [{ ...toolCall, id: 'call_8' }] }
    await send({ model: 'thinks', messages: [question, other], tools })
    expect(returnedMessage()?.reasoning_content).toBe('')
  })

  test('reasoning that the client sends stays unchanged', async () => {
    const withOwnReasoning = { ...history[1], reasoning_content: 'mine' }
    await send({ model: 'thinks', messages: [question, withOwnReasoning, history[2]], tools })
    expect(returnedMessage()?.reasoning_content).toBe('mine')
  })

  test('reasoning that the client drops is not sent to other vendors', async () => {
    await send({ model: 'plain', messages: [question], tools })
    await send({ model: 'plain', messages: history, tools })
    expect(returnedMessage()).not.toHaveProperty('reasoning_content')
  })
})
