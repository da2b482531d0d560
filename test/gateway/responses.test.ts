/**
 * Responses that a later request continues: stored in the gateway for vendors that cannot store them, and pinned to
 * the vendor that does.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'

type Body = Record<string, unknown>
const json = { 'content-type': 'application/json' }

/** A Chat Completions vendor that answers with the number of messages it received. */
const chatScript: Script = async (answer, request) => {
  const { messages, stream } = request.json() as { messages: { content: string }[]; stream?: boolean }
  const content = `heard ${messages.length}`
  const envelope = { id: 'c', created: 1, model: 'v' }
  if (!stream) {
    const choices = [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }]
    answer.writeHead(200, json)
    await answer.write(JSON.stringify({ ...envelope, object: 'chat.completion', choices }))
    return answer.end()
  }
  answer.writeHead(200, { 'content-type': 'text/event-stream' })
  const chunk = (delta: object, finishReason: string | null) =>
    `data: ${JSON.stringify({ ...envelope, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finishReason }] })}\n\n`
  await answer.write(chunk({ role: 'assistant', content }, null) + chunk({}, 'stop') + 'data: [DONE]\n\n')
  answer.end()
}

let responseCount = 0
/** A Responses vendor, which stores its responses. */
const responsesScript: Script = async (answer, request) => {
  answer.writeHead(200, json)
  const baseFields = { object: 'response', created_at: 1, model: 'native-v', status: 'completed', error: null }
  const { include, reasoning } = (request.body === '' ? {} : request.json()) as Body
  const sealed = { encrypted_content: `sealed ${responseCount}` }
  const reasoningItem = { type: 'reasoning', id: `rs_${responseCount}`, summary: [], ...(include ? sealed : {}) }
  const compactionItem = { type: 'compaction', id: `cmp_${responseCount}`, ...sealed }
  const output = [
    ...(request.path.endsWith('/compact') ? [compactionItem] : []),
    ...(include || reasoning ? [reasoningItem] : []),
    {
      type: 'message',
      id: `msg_${responseCount}`,
      status: 'completed',
      role: 'assistant',
      content: [{ type: 'output_text', text: 'mine', annotations: [] }],
    },
  ]
  if (request.method === 'DELETE') await answer.write(JSON.stringify({ id: 'x', object: 'response', deleted: true }))
  else if (request.path.includes('input_items'))
    await answer.write(JSON.stringify({ object: 'list', data: [], asked: request.path }))
  else
    await answer.write(
      JSON.stringify({
        ...baseFields,
        id: request.method === 'GET' ? 'resp_read' : `resp_native${++responseCount}`,
        output,
      }),
    )
  answer.end()
}

let chatUpstream: Upstream
let responsesUpstream: Upstream
let gateway: Gateway

beforeAll(async () => {
  chatUpstream = await scriptedUpstream(chatScript)
  responsesUpstream = await scriptedUpstream(responsesScript)
  const entry = (url: string, model: string, more: object = {}) => ({
    enabled: true,
    models: [model],
    server_url: `${url}/v1`,
    credentials: { api_key: 'k' },
    ...more,
  })
  gateway = await startGateway({
    api_keys: [
      { api_key: 'alice-key', name: 'alice' },
      { api_key: 'bob-key', name: 'bob' },
    ],
    load_balancing: 'round_robin',
    services: {
      openai: [
        entry(chatUpstream.url, 'chat'),
        entry(responsesUpstream.url, 'native', {
          speaks: ['openai-responses'],
          credentials: undefined,
          credential_list: [{ api_key: 'one' }, { api_key: 'two' }, { api_key: 'three' }],
        }),
        entry(responsesUpstream.url, 'other', { speaks: ['openai-responses'] }),
      ],
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await chatUpstream.close()
  await responsesUpstream.close()
})

const send = async (path: string, options: { body?: object; method?: string; key?: string } = {}) => {
  const { body, method = body ? 'POST' : 'GET', key = 'alice-key' } = options
  const response = await fetch(`${gateway.url}/v1/responses${path}`, {
    method,
    headers: { ...json, authorization: `Bearer ${key}` },
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, text, body: text.startsWith('{') ? (JSON.parse(text) as Body) : {} }
}
const create = async (body: object, key?: string) => (await send('', { body, ...(key && { key }) })).body
const lastChatRequest = () => chatUpstream.requests.at(-1)!.json() as { messages: { role: string; content: unknown }[] }

describe('vendors that store no responses', () => {
  test('a vendor that stores no responses gets the whole conversation, over three requests', async () => {
    const first = await create({ model: 'chat', input: 'one' })
    const second = await create({ model: 'chat', input: 'two', previous_response_id: first['id'] })
    await create({ model: 'chat', input: [{ role: 'user', content: 'three' }], previous_response_id: second['id'] })
    expect(lastChatRequest().messages.map(({ role, content }) => [role, content])).toEqual([
      ['user', 'one'],
      ['assistant', 'heard 1'],
      ['user', 'two'],
      ['assistant', 'heard 3'],
      ['user', 'three'],
    ])
    expect(second['previous_response_id']).toBe(first['id'] as string)
  })

  test('the gateway also stores the streams of a vendor that stores no responses', async () => {
    const { text } = await send('', { body: { model: 'chat', input: 'one', stream: true } })
    const { response } = JSON.parse(/data: (.*"type":"response.completed".*)/.exec(text)![1]!) as { response: Body }
    await create({ model: 'chat', input: 'two', previous_response_id: response['id'] })
    expect(lastChatRequest().messages).toHaveLength(3)
  })

  test('a response stored in the gateway is read, listed and deleted only by the caller that created it', async () => {
    const { id, ...rest } = await create({ model: 'chat', input: 'one' })
    expect((await send(`/${id}`)).body).toEqual({ id, ...rest })
    const { data } = (await send(`/${id}/input_items`)).body as { data: Body[] }
    expect(data).toMatchObject([{ type: 'message', role: 'user' }])
    for (const [path, method] of [
      ['', 'GET'],
      ['', 'DELETE'],
      ['/input_items', 'GET'],
      ['/cancel', 'POST'],
    ] as const)
      expect((await send(`/${id}${path}`, { method, key: 'bob-key' })).status).toBe(404)
    expect(
      (await send('', { body: { model: 'chat', input: 'x', previous_response_id: id }, key: 'bob-key' })).status,
    ).toBe(404)
    expect((await send(`/${id}/cancel`, { method: 'POST' })).status).toBe(400)
    expect((await send(`/${id}`, { method: 'DELETE' })).body).toEqual({ id, object: 'response', deleted: true })
    expect((await send(`/${id}`)).status).toBe(404)
  })

  test('the gateway stores nothing with `store: false`, and an unknown id is a 404 that names it', async () => {
    const { id } = await create({ model: 'chat', input: 'one', store: false })
    expect((await send(`/${id}`)).status).toBe(404)
    const { status, body } = await send('', {
      body: { model: 'chat', input: 'two', previous_response_id: 'resp_nobody' },
    })
    expect(status).toBe(404)
    expect(body['error']).toMatchObject({ param: 'previous_response_id' })
    expect(JSON.stringify(body)).toContain('resp_nobody')
  })
})

describe('vendors that store responses', () => {
  test('a vendor that stores its responses is asked to continue with the credential that created the response', async () => {
    for (let round = 0; round < 3; round++) {
      const first = await create({ model: 'native', input: 'one' })
      const key = responsesUpstream.requests.at(-1)!.headers['authorization']
      for (let again = 0; again < 2; again++) {
        await create({ model: 'native', input: 'two', previous_response_id: first['id'] })
        expect(responsesUpstream.requests.at(-1)!.headers['authorization']).toBe(key!)
        expect(responsesUpstream.requests.at(-1)!.json()).toMatchObject({
          input: 'two',
          previous_response_id: first['id'] as string,
        })
      }
    }
  })

  test("a vendor that stores its responses is asked for a stored response, which has the client's name of the model", async () => {
    const { id } = await create({ model: 'native', input: 'one' })
    const read = await send(`/${id}`)
    expect(read.body).toMatchObject({ id: 'resp_read', model: 'native' })
    expect(responsesUpstream.requests.at(-1)).toMatchObject({ method: 'GET', path: `/v1/responses/${id}` })
    await send(`/${id}/input_items?limit=3&key=secret`)
    expect(responsesUpstream.requests.at(-1)!.path).toBe(`/v1/responses/${id}/input_items?limit=3`)
    expect((await send(`/${id}`, { method: 'DELETE', key: 'bob-key' })).status).toBe(404)
    expect((await send(`/${id}`, { method: 'DELETE' })).body).toMatchObject({ deleted: true })
    expect(responsesUpstream.requests.at(-1)!.method).toBe('DELETE')
  })

  test('a vendor that stores its responses gets encrypted reasoning back with the credential that created it, stored or not', async () => {
    for (let round = 0; round < 3; round++) {
      const include = ['reasoning.encrypted_content']
      const { output } = (await create({ model: 'native', input: 'think', store: false, include })) as {
        output: Body[]
      }
      const key = responsesUpstream.requests.at(-1)!.headers['authorization']
      for (let again = 0; again < 3; again++) {
        await create({
          model: 'native',
          input: [{ role: 'user', content: 'think' }, ...output, { role: 'user', content: 'on' }],
          store: false,
        })
        expect(responsesUpstream.requests.at(-1)!.headers['authorization']).toBe(key!)
      }
      await create({ model: 'native', input: [...output, { role: 'user', content: 'on' }], store: false }, 'bob-key')
    }
    const bobRequest = responsesUpstream.requests.slice(-1)[0]!.json() as { input: Body[] }
    expect(bobRequest.input[0]).toMatchObject({
      type: 'reasoning',
      encrypted_content: expect.stringContaining('sealed'),
    })
  })

  test('a vendor that stores its responses gets encrypted reasoning without ids back with the credential that created it', async () => {
    for (let round = 0; round < 4; round++) {
      const baseFields = { model: 'native', store: false, include: ['reasoning.encrypted_content'] }
      const { output } = (await create({ ...baseFields, input: 'think' })) as { output: Body[] }
      const key = responsesUpstream.requests.at(-1)!.headers['authorization']
      const itemsWithoutIds = output.map(({ id: _, ...item }) => item)
      for (let again = 0; again < 2; again++) {
        await create({ ...baseFields, input: [{ role: 'user', content: 'think' }, ...itemsWithoutIds] })
        expect(responsesUpstream.requests.at(-1)!.headers['authorization']).toBe(key!)
      }
    }
  })

  test('a vendor that stores its responses gets stored, unencrypted reasoning back with the credential that stores it', async () => {
    for (let round = 0; round < 4; round++) {
      const { output } = (await create({ model: 'native', input: 'think', reasoning: { summary: 'auto' } })) as {
        output: Body[]
      }
      const key = responsesUpstream.requests.at(-1)!.headers['authorization']
      await create({ model: 'native', input: [...output, { role: 'user', content: 'on' }] })
      expect(responsesUpstream.requests.at(-1)!.headers['authorization']).toBe(key!)
    }
  })

  test('a vendor that stores its responses gets a compacted item back with the credential that created it', async () => {
    for (let round = 0; round < 4; round++) {
      const { body } = await send('/compact', { body: { model: 'native', input: 'long' } })
      const key = responsesUpstream.requests.at(-1)!.headers['authorization']
      const [{ id: _, ...compaction }] = body['output'] as [Body]
      await create({ model: 'native', input: [compaction, { role: 'user', content: 'on' }], store: false })
      expect(responsesUpstream.requests.at(-1)!.headers['authorization']).toBe(key!)
    }
  })

  test('a vendor that stores its responses can be followed by another model, which gets the earlier conversation', async () => {
    const first = await create({ model: 'native', input: 'one' })
    await create({ model: 'chat', input: 'two', previous_response_id: first['id'] })
    expect(lastChatRequest().messages.map(({ content }) => content)).toEqual(['one', 'mine', 'two'])
  })

  test('a vendor that stores its responses compacts a conversation, only for the caller that created it', async () => {
    const { id } = await create({ model: 'native', input: 'one' })
    const body = { model: 'native', previous_response_id: id }
    expect((await send('/compact', { body })).status).toBe(200)
    const { path, json: requestJson } = responsesUpstream.requests.at(-1)!
    expect([path, requestJson()]).toEqual(['/v1/responses/compact', body])
    expect((await send('/compact', { body, key: 'bob-key' })).status).toBe(404)
    expect((await send('/compact', { body: { model: 'chat', input: 'x' } })).status).toBe(400)
  })
})

describe('item references', () => {
  const reference = (id: unknown) => ({ type: 'item_reference', id })
  const userMessage = (content: string) => ({ role: 'user', content })
  const itemsOf = ({ output }: Body) => output as Body[]

  test('an item reference is replaced by the full item for a vendor that does not know it', async () => {
    for (const model of ['chat', 'native']) {
      const [item] = itemsOf(await create({ model, input: 'one' }))
      await create({ model: 'chat', input: [userMessage('one'), reference(item!['id']), userMessage('two')] })
      expect(lastChatRequest().messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user'])
      expect(lastChatRequest().messages[1]!.content).toBe(model === 'chat' ? 'heard 1' : 'mine')
    }
  })

  test('an item reference needs no type, may refer to an input item, and is also found in the input of a later response', async () => {
    const first = await create({ model: 'chat', input: [{ ...userMessage('one'), id: 'msg_own' }] })
    const second = await create({
      model: 'chat',
      input: [reference('msg_own'), { id: itemsOf(first)[0]!['id'] }, userMessage('two')],
    })
    expect(lastChatRequest().messages.map(({ content }) => content)).toEqual(['one', 'heard 1', 'two'])
    await send(`/${first['id']}`, { method: 'DELETE' })
    await create({ model: 'chat', input: [reference('msg_own'), userMessage('three')] })
    expect(lastChatRequest().messages.map(({ content }) => content)).toEqual(['one', 'three'])
    const { data } = (await send(`/${second['id']}/input_items?order=asc`)).body as { data: Body[] }
    expect(data.map(({ role }) => role)).toEqual(['user', 'assistant', 'user'])
    await send(`/${second['id']}`, { method: 'DELETE' })
    await create({ model: 'chat', input: [reference(data[2]!['id']), userMessage('four')] }).then(({ error }) =>
      expect(error).toMatchObject({ param: 'input' }),
    )
  })

  test('an item reference stays a reference at the vendor that stores the item, with the credential that created it', async () => {
    for (let round = 0; round < 3; round++) {
      const [item] = itemsOf(await create({ model: 'native', input: 'one' }))
      const key = responsesUpstream.requests.at(-1)!.headers['authorization']
      const input = [userMessage('one'), reference(item!['id']), userMessage('two')]
      const { id } = await create({ model: 'native', input })
      expect(responsesUpstream.requests.at(-1)!.headers['authorization']).toBe(key!)
      expect(responsesUpstream.requests.at(-1)!.json()).toMatchObject({ input })
      await create({ model: 'chat', input: 'three', previous_response_id: id })
      expect(lastChatRequest().messages.map(({ content }) => content)).toEqual(['one', 'mine', 'two', 'mine', 'three'])
    }
  })

  test("an item reference to another vendor's item is replaced by the full item, while the others stay references", async () => {
    const [nativeItem] = itemsOf(await create({ model: 'native', input: 'one' }))
    const key = responsesUpstream.requests.at(-1)!.headers['authorization']
    const [chatItem] = itemsOf(await create({ model: 'chat', input: 'two' }))
    await create({
      model: 'native',
      input: [reference(nativeItem!['id']), reference(chatItem!['id']), userMessage('three')],
    })
    expect(responsesUpstream.requests.at(-1)!.headers['authorization']).toBe(key!)
    const { input } = responsesUpstream.requests.at(-1)!.json() as { input: Body[] }
    expect(input).toMatchObject([
      reference(nativeItem!['id']),
      { type: 'message', role: 'assistant' },
      userMessage('three'),
    ])
    expect(input[1]).not.toHaveProperty('id')
    const repeatedInput = [reference(nativeItem!['id']), reference(chatItem!['id']), userMessage('four')]
    await create({ model: 'native', input: repeatedInput })
    expect(responsesUpstream.requests.at(-1)!.json()).toMatchObject({
      input: [repeatedInput[0]!, { role: 'assistant' }, repeatedInput[2]!],
    })
    await create({ model: 'chat', input: repeatedInput })
    await create({ model: 'native', input: repeatedInput })
    expect(responsesUpstream.requests.at(-1)!.headers['authorization']).toBe(key!)
    expect(responsesUpstream.requests.at(-1)!.json()).toMatchObject({
      input: [repeatedInput[0]!, { role: 'assistant' }, repeatedInput[2]!],
    })
  })

  test('an item reference to reasoning that only its creator can decrypt is left out for another vendor', async () => {
    const include = ['reasoning.encrypted_content']
    const [reasoningItem] = itemsOf(await create({ model: 'native', input: 'one', include }))
    const input = [userMessage('one'), reference(reasoningItem!['id']), userMessage('two')]
    const { status } = await send('', { body: { model: 'other', input } })
    expect(status).toBe(200)
    expect(responsesUpstream.requests.at(-1)!.json()).toMatchObject({ input: [userMessage('one'), userMessage('two')] })
  })

  test("an item reference to an unknown item, an item that was not stored or another caller's item is a 404", async () => {
    const [unstoredItem] = itemsOf(await create({ model: 'chat', input: 'one', store: false }))
    const include = ['reasoning.encrypted_content']
    const [reasoningItem] = itemsOf(await create({ model: 'native', input: 'one', store: false, include }))
    const [storedItem] = itemsOf(await create({ model: 'chat', input: 'one' }))
    for (const [id, model, key] of [
      ['msg_nobody', 'chat', 'alice-key'],
      ['msg_nobody', 'native', 'alice-key'],
      [unstoredItem!['id'], 'chat', 'alice-key'],
      [reasoningItem!['id'], 'native', 'alice-key'],
      [storedItem!['id'], 'chat', 'bob-key'],
    ] as const) {
      const { status, body } = await send('', { body: { model, input: [reference(id), userMessage('two')] }, key })
      expect(status).toBe(404)
      expect(body['error']).toMatchObject({ param: 'input', message: `Item with id '${id}' not found.` })
    }
  })
})

describe('responses', () => {
  test('a response names its previous response, even if its vendor got the full conversation instead', async () => {
    const { id } = await create({ model: 'chat', input: 'one' })
    const next = await create({ model: 'native', input: 'two', previous_response_id: id })
    expect(responsesUpstream.requests.at(-1)!.json()).not.toHaveProperty('previous_response_id')
    expect(next['previous_response_id']).toBe(id as string)
    expect((await send(`/${next['id']}`)).body['previous_response_id']).toBe(id as string)
  })

  test('a response that failed holds the output received before the failure', async () => {
    chatUpstream.setScript(async answer => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      const chunk = (delta: object) =>
        `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'v', choices: [{ index: 0, delta, finish_reason: null }] })}\n\n`
      await answer.write(
        chunk({ role: 'assistant', reasoning_content: 'Hm.' }) + chunk({ content: 'Hel' }) + chunk({ content: 'lo' }),
      )
      await answer.wait(50)
      answer.disconnect()
    })
    const { text } = await send('', { body: { model: 'chat', input: 'one', stream: true } })
    chatUpstream.setScript(chatScript)
    const { response } = JSON.parse(/data: (.*"type":"response.failed".*)/.exec(text)![1]!) as { response: Body }
    expect(response['output']).toMatchObject([
      { type: 'reasoning', status: 'completed', summary: [{ text: 'Hm.' }] },
      { type: 'message', status: 'incomplete', content: [{ type: 'output_text', text: 'Hello' }] },
    ])
  })

  test('a response to an empty input is a 400 that names `input`', async () => {
    for (const more of [
      {},
      { input: [] },
      { input: '' },
      { input: null },
      { input: [{ role: 'user', content: '' }] },
    ]) {
      const { status, body } = await send('', { body: { model: 'chat', ...more } })
      expect([status, body['error']]).toMatchObject([400, { param: 'input' }])
    }
    expect((await send('', { body: { model: 'chat', instructions: 'Say hi.' } })).status).toBe(200)
  })
})

describe('background responses', () => {
  const backgroundScript =
    (status: string): Script =>
    async (answer, request) => {
      const output = [
        { type: 'message', id: 'msg_late', role: 'assistant', content: [{ type: 'output_text', text: 'done' }] },
      ]
      const baseFields = { id: 'resp_late', object: 'response', model: 'native-v', background: true }
      answer.writeHead(200, json)
      const isDone = request.method === 'GET' && status === 'completed'
      await answer.write(
        JSON.stringify({
          ...baseFields,
          status: isDone ? status : 'queued',
          output: isDone ? output : [],
          usage: null,
        }),
      )
      answer.end()
    }
  const startBackground = async () => (await create({ model: 'native', input: 'long', background: true }))['id']
  const followUp = async (id: unknown) => send('', { body: { model: 'chat', input: 'and?', previous_response_id: id } })
  const lastChatContents = () => lastChatRequest().messages.map(({ content }) => content)
  afterAll(() => responsesUpstream.setScript(responsesScript))

  test('a background response is known in the state its vendor reported last', async () => {
    responsesUpstream.setScript(backgroundScript('completed'))
    const id = await startBackground()
    expect((await send(`/${id}`)).body).toMatchObject({ status: 'completed', model: 'native' })
    const before = responsesUpstream.requests.length
    expect((await followUp(id)).status).toBe(200)
    expect(lastChatContents()).toEqual(['long', 'done', 'and?'])
    expect(responsesUpstream.requests.length).toBe(before)
    await create({
      model: 'chat',
      input: [
        { type: 'item_reference', id: 'msg_late' },
        { role: 'user', content: 'so' },
      ],
    })
    expect(lastChatContents()).toEqual(['done', 'so'])
  })

  test('a background response is fetched before another vendor continues it', async () => {
    responsesUpstream.setScript(backgroundScript('completed'))
    const id = await startBackground()
    expect((await followUp(id)).status).toBe(200)
    expect(lastChatContents()).toEqual(['long', 'done', 'and?'])
  })

  test('a background response cannot be continued by another vendor until it is completed', async () => {
    responsesUpstream.setScript(backgroundScript('queued'))
    const id = await startBackground()
    const { status, body } = await followUp(id)
    expect(status).toBe(400)
    expect(body['error']).toMatchObject({ param: 'previous_response_id' })
    await create({ model: 'native', input: 'and?', previous_response_id: id })
    expect(responsesUpstream.requests.at(-1)!.json()).toMatchObject({ previous_response_id: id as string })
  })
})

describe('a gateway without stored responses', () => {
  test('a gateway without any stored responses asks the only vendor that could store a response, if there is only one caller', async () => {
    const credentials = { api_key: 'k' }
    const entry = (url: string, more: object) => ({ enabled: true, server_url: `${url}/v1`, credentials, ...more })
    const onlyVendor = entry(responsesUpstream.url, { models: ['native', 'other'], speaks: ['openai-responses'] })
    const chatOnly = entry(chatUpstream.url, { models: ['chat'] })
    for (const [services, keys, status] of [
      [[chatOnly, onlyVendor], {}, 200],
      [[chatOnly, onlyVendor], { api_keys: [{ api_key: 'a' }, { api_key: 'alice-key' }] }, 404],
      [[chatOnly, onlyVendor, { ...onlyVendor, credentials: { api_key: 'l' } }], {}, 404],
      [[chatOnly], {}, 404],
    ] as const) {
      const freshGateway = await startGateway({ services: { openai: services }, ...keys })
      for (const [path, method] of [
        ['', 'GET'],
        ['/input_items', 'GET'],
        ['/cancel', 'POST'],
        ['', 'DELETE'],
      ]) {
        const response = await fetch(`${freshGateway.url}/v1/responses/resp_before${path}`, {
          method: method!,
          headers: { authorization: 'Bearer alice-key' },
        })
        expect([path, method, response.status]).toEqual([path!, method!, status])
        if (status === 200)
          expect(responsesUpstream.requests.at(-1)).toMatchObject({
            method: method!,
            path: `/v1/responses/resp_before${path}`,
          })
      }
      await freshGateway.stop()
    }
  }, 60_000)
})

describe('large responses', () => {
  const largeText = (letter: string) => letter.repeat(17 * 2 ** 20)
  const createTwoLarge = async (model: string, more: object = {}) => {
    const first = await create({ model, input: largeText('a') })
    return {
      first,
      second: await send('', { body: { model, input: largeText('b'), previous_response_id: first['id'], ...more } }),
    }
  }

  test('large responses are stored up to half of the capacity; any other has `store: false`, complete and streamed', async () => {
    const { first, second } = await createTwoLarge('chat')
    expect([first['store'], second.body['store']]).toEqual([true, false])
    const { text } = (await createTwoLarge('chat', { stream: true })).second
    const { response } = JSON.parse(/data: (.*"type":"response.completed".*)/.exec(text)![1]!) as { response: Body }
    expect(response['store']).toBe(false)
    const followUpBody = { model: 'chat', input: 'three', previous_response_id: second.body['id'] }
    expect((await send('', { body: followUpBody })).status).toBe(404)
  }, 60_000)

  test('large responses stay with the vendor that stores them, with the credential that created them', async () => {
    for (let round = 0; round < 2; round++) {
      const { second } = await createTwoLarge('native')
      const key = responsesUpstream.requests.at(-1)!.headers['authorization']
      const { id } = second.body
      for (let again = 0; again < 2; again++) {
        await create({ model: 'native', input: 'three', previous_response_id: id })
        expect(responsesUpstream.requests.at(-1)!.headers['authorization']).toBe(key!)
        expect(responsesUpstream.requests.at(-1)!.json()).toMatchObject({ previous_response_id: id as string })
      }
      expect((await send(`/${id}`)).body).toMatchObject({ id: 'resp_read' })
      expect((await send(`/${id}`, { key: 'bob-key' })).status).toBe(404)
      await send(`/${id}`, { method: 'DELETE' })
      expect((await send(`/${id}`)).status).toBe(404)
      responsesUpstream.requests.length = 0
    }
  }, 60_000)
})
