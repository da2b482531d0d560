/** Answers that a later request goes on from: kept here for vendors that know nothing of it, pinned to the vendor that keeps them. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Gateway, startGateway } from '../support/process.ts'
import { type Script, scriptedUpstream, type Upstream } from '../support/upstream.ts'

type Body = Record<string, unknown>
const json = { 'content-type': 'application/json' }

/** A vendor of Chat Completions: repeats the last word. */
const chatting: Script = async (answer, request) => {
  const { messages, stream } = request.json() as { messages: { content: string }[]; stream?: boolean }
  const content = `heard ${messages.length}`
  const head = { id: 'c', created: 1, model: 'v' }
  if (!stream) {
    const choices = [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }]
    answer.head(200, json)
    await answer.write(JSON.stringify({ ...head, object: 'chat.completion', choices }))
    return answer.end()
  }
  answer.head(200, { 'content-type': 'text/event-stream' })
  const chunk = (delta: object, finish: string | null) =>
    `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
  await answer.write(chunk({ role: 'assistant', content }, null) + chunk({}, 'stop') + 'data: [DONE]\n\n')
  answer.end()
}

let numbered = 0
/** A vendor of Responses, which keeps what it said. */
const responding: Script = async (answer, request) => {
  answer.head(200, json)
  const about = { object: 'response', created_at: 1, model: 'native-v', status: 'completed', error: null }
  const { include, reasoning } = (request.body === '' ? {} : request.json()) as Body
  const sealed = { encrypted_content: `sealed ${numbered}` }
  const thought = { type: 'reasoning', id: `rs_${numbered}`, summary: [], ...(include ? sealed : {}) }
  const compacted = { type: 'compaction', id: `cmp_${numbered}`, ...sealed }
  const output = [
    ...(request.path.endsWith('/compact') ? [compacted] : []),
    ...(include || reasoning ? [thought] : []),
    {
      type: 'message',
      id: `msg_${numbered}`,
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
      JSON.stringify({ ...about, id: request.method === 'GET' ? 'resp_read' : `resp_native${++numbered}`, output }),
    )
  answer.end()
}

let chats: Upstream
let natives: Upstream
let gateway: Gateway

beforeAll(async () => {
  chats = await scriptedUpstream(chatting)
  natives = await scriptedUpstream(responding)
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
        entry(chats.url, 'chat'),
        entry(natives.url, 'native', {
          speaks: ['openai-responses'],
          credentials: undefined,
          credential_list: [{ api_key: 'one' }, { api_key: 'two' }, { api_key: 'three' }],
        }),
        entry(natives.url, 'other', { speaks: ['openai-responses'] }),
      ],
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await chats.close()
  await natives.close()
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
const asked = () => chats.requests.at(-1)!.json() as { messages: { role: string; content: unknown }[] }

describe('a vendor that keeps nothing', () => {
  test('is told the whole conversation, over three requests', async () => {
    const first = await create({ model: 'chat', input: 'one' })
    const second = await create({ model: 'chat', input: 'two', previous_response_id: first['id'] })
    await create({ model: 'chat', input: [{ role: 'user', content: 'three' }], previous_response_id: second['id'] })
    expect(asked().messages.map(({ role, content }) => [role, content])).toEqual([
      ['user', 'one'],
      ['assistant', 'heard 1'],
      ['user', 'two'],
      ['assistant', 'heard 3'],
      ['user', 'three'],
    ])
    expect(second['previous_response_id']).toBe(first['id'] as string)
  })

  test('streams are kept too', async () => {
    const { text } = await send('', { body: { model: 'chat', input: 'one', stream: true } })
    const { response } = JSON.parse(/data: (.*"type":"response.completed".*)/.exec(text)![1]!) as { response: Body }
    await create({ model: 'chat', input: 'two', previous_response_id: response['id'] })
    expect(asked().messages).toHaveLength(3)
  })

  test('what is kept is read, listed and deleted by its caller alone', async () => {
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

  test('`store: false` keeps nothing; an id nobody gave is a 404 that names it', async () => {
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

describe('a vendor that keeps its answers', () => {
  test('is asked to go on by the credential that gave the answer', async () => {
    for (let turn = 0; turn < 3; turn++) {
      const first = await create({ model: 'native', input: 'one' })
      const key = natives.requests.at(-1)!.headers['authorization']
      for (let again = 0; again < 2; again++) {
        await create({ model: 'native', input: 'two', previous_response_id: first['id'] })
        expect(natives.requests.at(-1)!.headers['authorization']).toBe(key!)
        expect(natives.requests.at(-1)!.json()).toMatchObject({
          input: 'two',
          previous_response_id: first['id'] as string,
        })
      }
    }
  })

  test('is asked for them, with the client’s name of the model', async () => {
    const { id } = await create({ model: 'native', input: 'one' })
    const read = await send(`/${id}`)
    expect(read.body).toMatchObject({ id: 'resp_read', model: 'native' })
    expect(natives.requests.at(-1)).toMatchObject({ method: 'GET', path: `/v1/responses/${id}` })
    await send(`/${id}/input_items?limit=3&key=secret`)
    expect(natives.requests.at(-1)!.path).toBe(`/v1/responses/${id}/input_items?limit=3`)
    expect((await send(`/${id}`, { method: 'DELETE', key: 'bob-key' })).status).toBe(404)
    expect((await send(`/${id}`, { method: 'DELETE' })).body).toMatchObject({ deleted: true })
    expect(natives.requests.at(-1)!.method).toBe('DELETE')
  })

  test('what is encrypted goes back to the credential that made it, kept or not', async () => {
    for (let turn = 0; turn < 3; turn++) {
      const include = ['reasoning.encrypted_content']
      const { output } = (await create({ model: 'native', input: 'think', store: false, include })) as {
        output: Body[]
      }
      const key = natives.requests.at(-1)!.headers['authorization']
      for (let again = 0; again < 3; again++) {
        await create({
          model: 'native',
          input: [{ role: 'user', content: 'think' }, ...output, { role: 'user', content: 'on' }],
          store: false,
        })
        expect(natives.requests.at(-1)!.headers['authorization']).toBe(key!)
      }
      await create({ model: 'native', input: [...output, { role: 'user', content: 'on' }], store: false }, 'bob-key')
    }
    const bobs = natives.requests.slice(-1)[0]!.json() as { input: Body[] }
    expect(bobs.input[0]).toMatchObject({ type: 'reasoning', encrypted_content: expect.stringContaining('sealed') })
  })

  test('a client that drops the ids is known by what was encrypted', async () => {
    for (let turn = 0; turn < 4; turn++) {
      const about = { model: 'native', store: false, include: ['reasoning.encrypted_content'] }
      const { output } = (await create({ ...about, input: 'think' })) as { output: Body[] }
      const key = natives.requests.at(-1)!.headers['authorization']
      const bare = output.map(({ id: _, ...item }) => item)
      for (let again = 0; again < 2; again++) {
        await create({ ...about, input: [{ role: 'user', content: 'think' }, ...bare] })
        expect(natives.requests.at(-1)!.headers['authorization']).toBe(key!)
      }
    }
  })

  test('thoughts that are kept there and not encrypted go back to the credential that keeps them', async () => {
    for (let turn = 0; turn < 4; turn++) {
      const { output } = (await create({ model: 'native', input: 'think', reasoning: { summary: 'auto' } })) as {
        output: Body[]
      }
      const key = natives.requests.at(-1)!.headers['authorization']
      await create({ model: 'native', input: [...output, { role: 'user', content: 'on' }] })
      expect(natives.requests.at(-1)!.headers['authorization']).toBe(key!)
    }
  })

  test('what was compacted goes back to the credential that did it', async () => {
    for (let turn = 0; turn < 4; turn++) {
      const { body } = await send('/compact', { body: { model: 'native', input: 'long' } })
      const key = natives.requests.at(-1)!.headers['authorization']
      const [{ id: _, ...compaction }] = body['output'] as [Body]
      await create({ model: 'native', input: [compaction, { role: 'user', content: 'on' }], store: false })
      expect(natives.requests.at(-1)!.headers['authorization']).toBe(key!)
    }
  })

  test('another model goes on from it as well: what was said is put before', async () => {
    const first = await create({ model: 'native', input: 'one' })
    await create({ model: 'chat', input: 'two', previous_response_id: first['id'] })
    expect(asked().messages.map(({ content }) => content)).toEqual(['one', 'mine', 'two'])
  })

  test('a conversation is compacted there, for its caller alone', async () => {
    const { id } = await create({ model: 'native', input: 'one' })
    const body = { model: 'native', previous_response_id: id }
    expect((await send('/compact', { body })).status).toBe(200)
    const { path, json: asked } = natives.requests.at(-1)!
    expect([path, asked()]).toEqual(['/v1/responses/compact', body])
    expect((await send('/compact', { body, key: 'bob-key' })).status).toBe(404)
    expect((await send('/compact', { body: { model: 'chat', input: 'x' } })).status).toBe(400)
  })
})

describe('an item that is named in place of being repeated', () => {
  const reference = (id: unknown) => ({ type: 'item_reference', id })
  const word = (content: string) => ({ role: 'user', content })
  const itemsOf = ({ output }: Body) => output as Body[]

  test('is told in full to a vendor that never saw it', async () => {
    for (const model of ['chat', 'native']) {
      const [said] = itemsOf(await create({ model, input: 'one' }))
      await create({ model: 'chat', input: [word('one'), reference(said!['id']), word('two')] })
      expect(asked().messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user'])
      expect(asked().messages[1]!.content).toBe(model === 'chat' ? 'heard 1' : 'mine')
    }
  })

  test('needs no type, may be an input, and is found in what a later answer was led by', async () => {
    const first = await create({ model: 'chat', input: [{ ...word('one'), id: 'msg_own' }] })
    const second = await create({
      model: 'chat',
      input: [reference('msg_own'), { id: itemsOf(first)[0]!['id'] }, word('two')],
    })
    expect(asked().messages.map(({ content }) => content)).toEqual(['one', 'heard 1', 'two'])
    await send(`/${first['id']}`, { method: 'DELETE' })
    await create({ model: 'chat', input: [reference('msg_own'), word('three')] })
    expect(asked().messages.map(({ content }) => content)).toEqual(['one', 'three'])
    const { data } = (await send(`/${second['id']}/input_items?order=asc`)).body as { data: Body[] }
    expect(data.map(({ role }) => role)).toEqual(['user', 'assistant', 'user'])
    await send(`/${second['id']}`, { method: 'DELETE' })
    await create({ model: 'chat', input: [reference(data[2]!['id']), word('four')] }).then(({ error }) =>
      expect(error).toMatchObject({ param: 'input' }),
    )
  })

  test('stays a name at the vendor that keeps it, by the credential that made it', async () => {
    for (let turn = 0; turn < 3; turn++) {
      const [said] = itemsOf(await create({ model: 'native', input: 'one' }))
      const key = natives.requests.at(-1)!.headers['authorization']
      const input = [word('one'), reference(said!['id']), word('two')]
      const { id } = await create({ model: 'native', input })
      expect(natives.requests.at(-1)!.headers['authorization']).toBe(key!)
      expect(natives.requests.at(-1)!.json()).toMatchObject({ input })
      await create({ model: 'chat', input: 'three', previous_response_id: id })
      expect(asked().messages.map(({ content }) => content)).toEqual(['one', 'mine', 'two', 'mine', 'three'])
    }
  })

  test('of another vendor is told in full where the rest stays named', async () => {
    const [mine] = itemsOf(await create({ model: 'native', input: 'one' }))
    const key = natives.requests.at(-1)!.headers['authorization']
    const [heard] = itemsOf(await create({ model: 'chat', input: 'two' }))
    await create({ model: 'native', input: [reference(mine!['id']), reference(heard!['id']), word('three')] })
    expect(natives.requests.at(-1)!.headers['authorization']).toBe(key!)
    const { input } = natives.requests.at(-1)!.json() as { input: Body[] }
    expect(input).toMatchObject([reference(mine!['id']), { type: 'message', role: 'assistant' }, word('three')])
    expect(input[1]).not.toHaveProperty('id')
    const again = [reference(mine!['id']), reference(heard!['id']), word('four')]
    await create({ model: 'native', input: again })
    expect(natives.requests.at(-1)!.json()).toMatchObject({ input: [again[0]!, { role: 'assistant' }, again[2]!] })
    await create({ model: 'chat', input: again })
    await create({ model: 'native', input: again })
    expect(natives.requests.at(-1)!.headers['authorization']).toBe(key!)
    expect(natives.requests.at(-1)!.json()).toMatchObject({ input: [again[0]!, { role: 'assistant' }, again[2]!] })
  })

  test('that holds thoughts only their writer can read is told elsewhere by its words', async () => {
    const include = ['reasoning.encrypted_content']
    const [thought] = itemsOf(await create({ model: 'native', input: 'one', include }))
    const input = [word('one'), reference(thought!['id']), word('two')]
    const { status } = await send('', { body: { model: 'other', input } })
    expect(status).toBe(200)
    expect(natives.requests.at(-1)!.json()).toMatchObject({ input: [word('one'), word('two')] })
  })

  test('that nobody knows is a 404, as is one that was not to be kept and one of another caller', async () => {
    const [loose] = itemsOf(await create({ model: 'chat', input: 'one', store: false }))
    const include = ['reasoning.encrypted_content']
    const [thought] = itemsOf(await create({ model: 'native', input: 'one', store: false, include }))
    const [kept] = itemsOf(await create({ model: 'chat', input: 'one' }))
    for (const [id, model, key] of [
      ['msg_nobody', 'chat', 'alice-key'],
      ['msg_nobody', 'native', 'alice-key'],
      [loose!['id'], 'chat', 'alice-key'],
      [thought!['id'], 'native', 'alice-key'],
      [kept!['id'], 'chat', 'bob-key'],
    ] as const) {
      const { status, body } = await send('', { body: { model, input: [reference(id), word('two')] }, key })
      expect(status).toBe(404)
      expect(body['error']).toMatchObject({ param: 'input', message: `Item with id '${id}' not found.` })
    }
  })
})

describe('what an answer says of itself', () => {
  test('names the answer it goes on from, though its vendor was told that in full', async () => {
    const { id } = await create({ model: 'chat', input: 'one' })
    const next = await create({ model: 'native', input: 'two', previous_response_id: id })
    expect(natives.requests.at(-1)!.json()).not.toHaveProperty('previous_response_id')
    expect(next['previous_response_id']).toBe(id as string)
    expect((await send(`/${next['id']}`)).body['previous_response_id']).toBe(id as string)
  })

  test('holds what was told when it failed', async () => {
    chats.become(async answer => {
      answer.head(200, { 'content-type': 'text/event-stream' })
      const chunk = (delta: object) =>
        `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'v', choices: [{ index: 0, delta, finish_reason: null }] })}\n\n`
      await answer.write(
        chunk({ role: 'assistant', reasoning_content: 'Hm.' }) + chunk({ content: 'Hel' }) + chunk({ content: 'lo' }),
      )
      await answer.wait(50)
      answer.cut()
    })
    const { text } = await send('', { body: { model: 'chat', input: 'one', stream: true } })
    chats.become(chatting)
    const { response } = JSON.parse(/data: (.*"type":"response.failed".*)/.exec(text)![1]!) as { response: Body }
    expect(response['output']).toMatchObject([
      { type: 'reasoning', status: 'completed', summary: [{ text: 'Hm.' }] },
      { type: 'message', status: 'incomplete', content: [{ type: 'output_text', text: 'Hello' }] },
    ])
  })

  test('a question that says nothing is refused by its own name', async () => {
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

describe('work in the background', () => {
  const saying =
    (status: string): Script =>
    async (answer, request) => {
      const output = [
        { type: 'message', id: 'msg_late', role: 'assistant', content: [{ type: 'output_text', text: 'done' }] },
      ]
      const about = { id: 'resp_late', object: 'response', model: 'native-v', background: true }
      answer.head(200, json)
      const isDone = request.method === 'GET' && status === 'completed'
      await answer.write(
        JSON.stringify({ ...about, status: isDone ? status : 'queued', output: isDone ? output : [], usage: null }),
      )
      answer.end()
    }
  const begin = async () => (await create({ model: 'native', input: 'long', background: true }))['id']
  const follow = async (id: unknown) => send('', { body: { model: 'chat', input: 'and?', previous_response_id: id } })
  const told = () => asked().messages.map(({ content }) => content)
  afterAll(() => natives.become(responding))

  test('is known as its vendor told it last', async () => {
    natives.become(saying('completed'))
    const id = await begin()
    expect((await send(`/${id}`)).body).toMatchObject({ status: 'completed', model: 'native' })
    const before = natives.requests.length
    expect((await follow(id)).status).toBe(200)
    expect(told()).toEqual(['long', 'done', 'and?'])
    expect(natives.requests.length).toBe(before)
    await create({
      model: 'chat',
      input: [
        { type: 'item_reference', id: 'msg_late' },
        { role: 'user', content: 'so' },
      ],
    })
    expect(told()).toEqual(['done', 'so'])
  })

  test('is asked for before another vendor goes on from it', async () => {
    natives.become(saying('completed'))
    const id = await begin()
    expect((await follow(id)).status).toBe(200)
    expect(told()).toEqual(['long', 'done', 'and?'])
  })

  test('is refused elsewhere until it is done', async () => {
    natives.become(saying('queued'))
    const id = await begin()
    const { status, body } = await follow(id)
    expect(status).toBe(400)
    expect(body['error']).toMatchObject({ param: 'previous_response_id' })
    await create({ model: 'native', input: 'and?', previous_response_id: id })
    expect(natives.requests.at(-1)!.json()).toMatchObject({ previous_response_id: id as string })
  })
})

describe('a gateway that knows nothing any more', () => {
  test('asks the only vendor that could keep an answer, for its only caller', async () => {
    const credentials = { api_key: 'k' }
    const entry = (url: string, more: object) => ({ enabled: true, server_url: `${url}/v1`, credentials, ...more })
    const sole = entry(natives.url, { models: ['native', 'other'], speaks: ['openai-responses'] })
    const mute = entry(chats.url, { models: ['chat'] })
    for (const [services, keys, status] of [
      [[mute, sole], {}, 200],
      [[mute, sole], { api_keys: [{ api_key: 'a' }, { api_key: 'alice-key' }] }, 404],
      [[mute, sole, { ...sole, credentials: { api_key: 'l' } }], {}, 404],
      [[mute], {}, 404],
    ] as const) {
      const fresh = await startGateway({ services: { openai: services }, ...keys })
      for (const [path, method] of [
        ['', 'GET'],
        ['/input_items', 'GET'],
        ['/cancel', 'POST'],
        ['', 'DELETE'],
      ]) {
        const response = await fetch(`${fresh.url}/v1/responses/resp_before${path}`, {
          method: method!,
          headers: { authorization: 'Bearer alice-key' },
        })
        expect([path, method, response.status]).toEqual([path!, method!, status])
        if (status === 200)
          expect(natives.requests.at(-1)).toMatchObject({ method: method!, path: `/v1/responses/resp_before${path}` })
      }
      await fresh.stop()
    }
  })
})

describe('large answers', () => {
  const large = (letter: string) => letter.repeat(17 * 2 ** 20)
  const inHalves = async (model: string, more: object = {}) => {
    const first = await create({ model, input: large('a') })
    return {
      first,
      second: await send('', { body: { model, input: large('b'), previous_response_id: first['id'], ...more } }),
    }
  }

  test('are kept up to half of the room; one that is not says so, whole and streamed', async () => {
    const { first, second } = await inHalves('chat')
    expect([first['store'], second.body['store']]).toEqual([true, false])
    const { text } = (await inHalves('chat', { stream: true })).second
    const { response } = JSON.parse(/data: (.*"type":"response.completed".*)/.exec(text)![1]!) as { response: Body }
    expect(response['store']).toBe(false)
    const follow = { model: 'chat', input: 'three', previous_response_id: second.body['id'] }
    expect((await send('', { body: follow })).status).toBe(404)
  })

  test('stay with the vendor that keeps them, by the credential that gave them', async () => {
    for (let turn = 0; turn < 2; turn++) {
      const { second } = await inHalves('native')
      const key = natives.requests.at(-1)!.headers['authorization']
      const { id } = second.body
      for (let again = 0; again < 2; again++) {
        await create({ model: 'native', input: 'three', previous_response_id: id })
        expect(natives.requests.at(-1)!.headers['authorization']).toBe(key!)
        expect(natives.requests.at(-1)!.json()).toMatchObject({ previous_response_id: id as string })
      }
      expect((await send(`/${id}`)).body).toMatchObject({ id: 'resp_read' })
      expect((await send(`/${id}`, { key: 'bob-key' })).status).toBe(404)
      await send(`/${id}`, { method: 'DELETE' })
      expect((await send(`/${id}`)).status).toBe(404)
      natives.requests.length = 0
    }
  })
})
