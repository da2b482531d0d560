/** The legacy Completions API for models that only support chat: one prompt and several, streamed and not. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import OpenAI from 'openai'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { waitUntil } from '../support/wait-until.ts'

/** Echoes the prompt. A prompt that starts with `slow` is answered late, one with `bad` is refused. */
const echoPrompt: Script = async (answer, request) => {
  const { messages, stream } = request.json() as { messages: { content: string }[]; stream?: boolean }
  const promptText = messages.at(-1)!.content
  if (promptText.startsWith('bad')) {
    answer.writeHead(400, { 'content-type': 'application/json' })
    await answer.write(JSON.stringify({ error: { message: 'no such thing', type: 'invalid_request_error' } }))
    return answer.end()
  }
  if (promptText.startsWith('slow')) await answer.wait(60)
  const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }
  const envelope = { id: 'c', created: 1, model: 'v' }
  const content = `you said ${promptText}`
  if (stream) {
    const chunk = (delta: object, finishReason: string | null, more: object = {}) =>
      `data: ${JSON.stringify({ ...envelope, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finishReason }], ...more })}\n\n`
    answer.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const word of content.split(/(?<= )/)) await answer.write(chunk({ content: word }, null))
    await answer.write(`${chunk({}, 'length', { usage })}data: [DONE]\n\n`)
  } else {
    const choices = [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }]
    answer.writeHead(200, { 'content-type': 'application/json' })
    await answer.write(JSON.stringify({ ...envelope, object: 'chat.completion', choices, usage }))
  }
  answer.end()
}

let upstream: Upstream
let gateway: Gateway
let client: OpenAI

beforeAll(async () => {
  upstream = await scriptedUpstream(echoPrompt)
  const service = { enabled: true, models: ['chats'], server_url: upstream.url, credentials: { api_key: 'k' } }
  gateway = await startGateway({ services: { groq: [service] } })
  client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'any', maxRetries: 0 })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

test('a prompt becomes a user message, and its limits are passed on', async () => {
  const { id, object, model, choices, usage } = await client.completions.create({
    model: 'chats',
    prompt: 'hello',
    max_tokens: 9,
    stop: 'x',
    echo: true,
  })
  expect([object, model, id.startsWith('c')]).toEqual(['text_completion', 'chats', true])
  expect(choices).toEqual([{ text: 'helloyou said hello', index: 0, logprobs: null, finish_reason: 'stop' }])
  expect(usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 })
  expect(upstream.requests.at(-1)!.json()).toMatchObject({
    messages: [{ role: 'user', content: 'hello' }],
    max_tokens: 9,
    stop: ['x'],
  })
})

test('a `stop` that is not text is a 400 that names the parameter', async () => {
  for (const stop of [[['x']], [1], { x: 1 }, 5]) {
    const pending = client.completions.create({ model: 'chats', prompt: 'hello', stop: stop as unknown as string })
    expect(await pending.catch(({ status, param }) => [status, param])).toEqual([400, 'stop'])
  }
})

test('a stream is passed on delta by delta', async () => {
  const stream = await client.completions.create({ model: 'chats', prompt: ['hi'], stream: true })
  const pieces = []
  for await (const { choices } of stream) pieces.push(choices[0])
  expect(pieces.map(piece => piece?.text).join('|')).toBe('you |said |hi|')
  expect(pieces.at(-1)?.finish_reason).toBe('length')
})

test('several prompts give choices in the order of the prompts, with the usage added up', async () => {
  const prompt = ['slow one', 'two', 'slow three', 'four', 'five', 'six']
  const { choices, usage } = await client.completions.create({ model: 'chats', prompt })
  expect(choices.map(({ index, text }) => [index, text])).toEqual(
    prompt.map((one, index) => [index, `you said ${one}`]),
  )
  expect(usage?.total_tokens).toBe(30)
  const streamed: [number, string][] = []
  for await (const piece of await client.completions.create({ model: 'chats', prompt, stream: true }))
    for (const { index, text } of piece.choices) streamed.push([index, text])
  expect(streamed).toEqual(choices.map(({ index, text }) => [index, text]))
})

test('the first failure fails the request, and parameters that chat cannot express are a 400', async () => {
  const refusalOf = (body: object) =>
    client.completions.create({ model: 'chats', prompt: 'x', ...body } as never).then(
      () => undefined,
      (error: { status: number; message: string }) => [error.status, error.message],
    )
  expect(await refusalOf({ prompt: ['fine', 'bad', 'fine'] })).toEqual([400, expect.stringContaining('no such thing')])
  expect(await refusalOf({ prompt: [1, 2, 3] })).toEqual([400, expect.stringContaining('prompt must be')])
  expect(await refusalOf({ best_of: 3 })).toEqual([400, expect.stringContaining('best_of')])
  expect(await refusalOf({ n: 2 })).toEqual([400, expect.stringContaining('n:')])
})

test('a request with several prompts writes one log line', async () => {
  const records = () =>
    gateway
      .stdout()
      .split('\n')
      .filter(line => line.includes(`"${id}"`))
  const { response } = await client.completions.create({ model: 'chats', prompt: ['a', 'b', 'c'] }).withResponse()
  const id = response.headers.get('x-request-id')
  await waitUntil(() => records().length > 0)
  expect(records().map(line => JSON.parse(line))).toMatchObject([
    { status: 200, attempts: 3, tokens: { input: 9, output: 6 } },
  ])
})
