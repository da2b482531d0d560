/** Forms with files: what the vendor receives and when, and what the client gets back. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { rawClient } from '../support/raw-client.ts'
import { type ReceivedRequest, type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { neverRespond, refuse, replyJson, replyText } from '../support/upstream-scripts.ts'
import { resultWithin, waitUntil } from '../support/wait-until.ts'

const maxBody = 200_000
let upstream: Upstream
let early: EarlyVendor
let gateway: Gateway

/** A vendor that shows what it has received before a request is complete, and answers once `end` has arrived. */
type EarlyVendor = {
  port: number
  received: () => string
  openConnections: () => number
  reset: () => void
  close: () => void
}

const startEarlyVendor = async (end: string): Promise<EarlyVendor> => {
  const sockets = new Set<Socket>()
  let received = ''
  const server: Server = createServer(socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    socket.on('data', bytes => {
      received += bytes.toString('latin1')
      if (received.includes(end))
        socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 14\r\n\r\n{"text":"heh"}')
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    received: () => received,
    openConnections: () => sockets.size,
    reset: () => {
      received = ''
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

beforeAll(async () => {
  upstream = await scriptedUpstream(replyJson({ text: 'hello' }))
  early = await startEarlyVendor('--edge--')
  const entry = { enabled: true, credentials: { api_key: 'k' } }
  gateway = await startGateway({
    max_body: maxBody,
    default_model: 'm',
    services: {
      openai: [
        { ...entry, models: ['m'], model_map: { m: 'vendor-model' }, server_url: `${upstream.url}/v1` },
        {
          ...entry,
          models: ['early'],
          model_map: { early: 'vendor-early' },
          server_url: `http://127.0.0.1:${early.port}/v1`,
        },
        { ...entry, models: ['tuned'], params: { language: 'fr', temperature: 0 }, server_url: `${upstream.url}/v1` },
        { ...entry, models: ['single'], server_url: `${upstream.url}/v1`, limit: { concurrency: 1, timeout: 0.2 } },
      ],
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  early.close()
  await upstream.close()
})

type Field = readonly [name: string, value: string | Uint8Array, file?: string]
const boundary = '--edge'
const encodeForm = (fields: readonly Field[]): Buffer =>
  Buffer.concat([
    ...fields.flatMap(([name, value, file]) => [
      Buffer.from(
        `${boundary}\r\ncontent-disposition: form-data; name="${name}"${file ? `; filename="${file}"\r\ncontent-type: application/octet-stream` : ''}\r\n\r\n`,
      ),
      Buffer.from(value),
      Buffer.from('\r\n'),
    ]),
    Buffer.from(`${boundary}--\r\n`),
  ])
const formHeaders = { 'content-type': 'multipart/form-data; boundary=edge' }
const upload = async (path: string, fields: readonly Field[], script: Script = replyJson({ text: 'hello' })) => {
  upstream.setScript(script)
  const before = upstream.requests.length
  const response = await fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers: formHeaders,
    body: new Uint8Array(encodeForm(fields)),
    proxy: false,
  } as RequestInit)
  return {
    response,
    received: () => upstream.requests[before] as ReceivedRequest,
    count: () => upstream.requests.length - before,
  }
}
const bytes = (length: number) => new Uint8Array(Array.from({ length }, (_, index) => (index * 31) % 256))
const errorOf = async (response: Response) =>
  ((await response.json()) as { error: { code: unknown; param: unknown; message: string } }).error

describe('forms', () => {
  for (const path of ['audio/transcriptions', 'audio/translations', 'images/edits', 'images/variations'])
    test(`a form at ${path} is forwarded byte for byte except for the model, wherever the model field is`, async () => {
      const file: Field = ['file', bytes(5000), 'a.bin']
      const languageField: Field = ['language', 'en']
      for (const order of [
        [['model', 'm'], file, languageField],
        [file, ['model', 'm'], languageField],
        [languageField, file, ['model', 'm']],
      ] as Field[][]) {
        const { response, received } = await upload(`/v1/${path}`, order)
        expect([response.status, await response.json()]).toEqual([200, { text: 'hello' }])
        expect([received().path, received().headers['content-type']]).toEqual([
          `/v1/${path}`,
          formHeaders['content-type'],
        ])
        const expectedFields = order.map(field => (field[0] === 'model' ? (['model', 'vendor-model'] as const) : field))
        expect(received().bytes.equals(encodeForm(expectedFields))).toBe(true)
        expect(Number(received().headers['content-length'])).toBe(encodeForm(expectedFields).length)
      }
    })

  test('a form without a model gets the default model', async () => {
    const { response, received } = await upload('/v1/audio/transcriptions', [['file', bytes(10), 'a.wav']])
    expect(response.status).toBe(200)
    expect(
      received().bytes.equals(
        encodeForm([
          ['model', 'vendor-model'],
          ['file', bytes(10), 'a.wav'],
        ]),
      ),
    ).toBe(true)
  })

  test('a form below a deployment gets the model of the path', async () => {
    for (const fields of [
      [
        ['model', 'another'],
        ['file', bytes(10), 'a.wav'],
      ],
      [['file', bytes(10), 'a.wav']],
    ] as Field[][]) {
      const { response, received } = await upload('/openai/deployments/m/audio/transcriptions?api-version=1', fields)
      expect([response.status, received().body.includes('vendor-model'), received().body.includes('another')]).toEqual([
        200,
        true,
        false,
      ])
    }
  })

  test("a form gets the `params` of its entry in place of the client's fields, wherever the model field is", async () => {
    const file: Field = ['file', bytes(5000), 'a.wav']
    const added: Field[] = [
      ['language', 'fr'],
      ['temperature', '0'],
    ]
    for (const order of [
      [['model', 'tuned'], file, ['language', 'de']],
      [file, ['language', 'de'], ['model', 'tuned']],
    ] as Field[][]) {
      const { response, received } = await upload('/v1/audio/transcriptions', order)
      expect(response.status).toBe(200)
      const otherFields = order.filter(([name]) => name !== 'language')
      expect(received().bytes.equals(encodeForm([...added, ...otherFields]))).toBe(true)
    }
  })

  test('a form with an unknown model is a 404, one with two models or an invalid one is a 400, and the vendor is not asked', async () => {
    const file: Field = ['file', bytes(10), 'a.wav']
    const unknown = await upload('/v1/audio/transcriptions', [['model', 'nobody'], file])
    expect([unknown.response.status, unknown.count()]).toEqual([404, 0])
    const duplicate = await upload('/v1/audio/transcriptions', [file, ['model', 'm'], ['model', 'single']])
    expect([duplicate.response.status, (await errorOf(duplicate.response)).param, duplicate.count()]).toEqual([
      400,
      'model',
      0,
    ])
    for (const body of [
      '',
      'nonsense',
      '--edge\r\n\r\n',
      encodeForm([file]).toString('latin1').replaceAll('\r\n', '\n'),
    ]) {
      const response = await fetch(`${gateway.url}/v1/audio/transcriptions`, {
        method: 'POST',
        headers: formHeaders,
        body,
        proxy: false,
      } as RequestInit)
      expect([body, response.status]).toEqual([body, 400])
    }
  })

  test('a form above `max_body` whose model field follows the file is a 413', async () => {
    const { response, count } = await upload('/v1/audio/transcriptions', [
      ['file', bytes(maxBody + 1), 'a.wav'],
      ['model', 'm'],
    ])
    expect([response.status, (await errorOf(response)).code, count()]).toEqual([413, 'request_too_large', 0])
  })

  test('a form whose model field precedes the file may exceed `max_body`, because it is not buffered', async () => {
    const fields: Field[] = [
      ['model', 'm'],
      ['file', bytes(maxBody * 3), 'a.wav'],
    ]
    const { response, received } = await upload('/v1/audio/transcriptions', fields)
    expect(response.status).toBe(200)
    expect(received().bytes.equals(encodeForm([['model', 'vendor-model'], fields[1]!]))).toBe(true)
  })
})

describe('forms that are still arriving', () => {
  const requestHead = (framing: string) =>
    `POST /v1/audio/transcriptions HTTP/1.1\r\nHost: a\r\ncontent-type: multipart/form-data; boundary=edge\r\n${framing}\r\n\r\n`
  const fields: Field[] = [
    ['model', 'early'],
    ['file', 'FIRST-HALF SECOND-HALF', 'a.wav'],
  ]
  const form = encodeForm(fields).toString('latin1')
  const [first, second] = [form.slice(0, form.indexOf('SECOND')), form.slice(form.indexOf('SECOND'))] as const
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

  for (const [name, parts] of [
    ['with Content-Length', [requestHead(`content-length: ${form.length}`) + first, second]],
    ['with chunked encoding', [requestHead('transfer-encoding: chunked') + chunk(first), `${chunk(second)}0\r\n\r\n`]],
  ] as const)
    test(`a form that is still arriving ${name} is forwarded at once: the vendor has its first bytes before the client has sent the last`, async () => {
      early.reset()
      const client = rawClient(gateway.port, parts[0])
      await waitUntil(() => early.received().includes('FIRST-HALF'), 2000)
      expect(early.received()).toContain('vendor-early')
      expect(early.received()).not.toContain('SECOND-HALF')
      client.send(parts[1])
      await waitUntil(() => client.text().includes('{"text":"heh"}'))
      expect(early.received()).toContain('SECOND-HALF')
      client.socket.destroy()
    })

  test("a form that is still arriving and whose client disconnects closes the vendor's connection", async () => {
    early.reset()
    const client = rawClient(gateway.port, requestHead(`content-length: ${form.length}`) + first)
    await waitUntil(() => early.received().includes('FIRST-HALF'), 2000)
    const openConnections = early.openConnections()
    client.socket.destroy()
    await waitUntil(() => early.openConnections() < openConnections, 1000)
  })

  test('a form that is still arriving is aborted at a second model field, before the vendor gets that field', async () => {
    early.reset()
    const tail = 'x\r\n--edge\r\ncontent-disposition: form-data; name="model"\r\n\r\nother\r\n--edge--\r\n'
    const body = first + tail
    const client = rawClient(gateway.port, requestHead(`content-length: ${body.length}`) + first)
    await waitUntil(() => early.received().includes('FIRST-HALF'), 2000)
    client.send(tail)
    await waitUntil(() => client.text().includes('\r\n\r\n'), 3000)
    expect(client.text()).toStartWith('HTTP/1.1 400 ')
    expect(early.received()).not.toContain('other')
    client.socket.destroy()
  })
})

describe('forms that arrive slowly', () => {
  const fields: Field[] = [
    ['model', 'early'],
    ['file', 'x'.repeat(60), 'a.wav'],
  ]
  const form = encodeForm(fields).toString('latin1')
  const requestHead = `POST /v1/audio/transcriptions HTTP/1.1\r\nHost: a\r\ncontent-type: multipart/form-data; boundary=edge\r\ncontent-length: ${form.length}\r\n\r\n`
  const fileStart = form.indexOf('xxx')
  let impatientGateway: Gateway
  beforeAll(async () => {
    const entry = { enabled: true, models: ['early'] }
    impatientGateway = await startGateway({
      timeouts: { first_byte: 1, idle: 1 },
      services: {
        openai: [
          { ...entry, server_url: `http://127.0.0.1:${early.port}/v1` },
          { ...entry, models: ['mutes'], server_url: `${upstream.url}/v1` },
          { ...entry, models: ['timed'], timeout: 1, server_url: `http://127.0.0.1:${early.port}/v1` },
        ],
      },
    })
  })
  afterAll(async () => void (await impatientGateway.stop()))

  test("a form that arrives slowly is not cut while it flows, and the vendor's timeout starts when the form is complete", async () => {
    const uploadSlowly = async (model: string) => {
      const client = rawClient(impatientGateway.port, requestHead + form.slice(0, fileStart).replace('early', model))
      for (let sent = fileStart; sent < fileStart + 50; sent += 10) {
        await Bun.sleep(500)
        client.send(form.slice(sent, sent + 10))
      }
      client.send(form.slice(fileStart + 50))
      await waitUntil(() => client.text().includes('{"text":"heh"}'), 2000)
      client.socket.destroy()
    }
    await Promise.all(['early', 'timed'].map(uploadSlowly))
  }, 20_000)

  test("a form that arrives slowly and stalls is a 408, and the vendor's connection is closed", async () => {
    early.reset()
    const client = rawClient(impatientGateway.port, requestHead + form.slice(0, fileStart))
    await waitUntil(() => early.received().includes('filename'), 2000)
    const openConnections = early.openConnections()
    await waitUntil(() => client.text().includes('}'), 4000)
    expect(client.text()).toStartWith('HTTP/1.1 408 ')
    expect(client.text()).toContain('the upload stalled: nothing came for 1 s')
    await waitUntil(() => early.openConnections() < openConnections, 1000)
    expect(await resultWithin(client.closed, 6000)).toBeDefined()
  }, 20_000)

  test('a form that arrives slowly is a 504 if the vendor does not answer once the form is complete', async () => {
    upstream.setScript(neverRespond)
    const client = rawClient(impatientGateway.port, requestHead + form.slice(0, fileStart).replace('early', 'mutes'))
    await Bun.sleep(700)
    client.send(form.slice(fileStart))
    await waitUntil(() => client.text().includes('}'), 4000)
    expect(client.text()).toStartWith('HTTP/1.1 504 ')
    expect(client.text()).toContain('the vendor sent nothing within 1 s')
    client.socket.destroy()
  })
})

describe('answers to forms', () => {
  const fields: Field[] = [
    ['model', 'm'],
    ['file', bytes(10), 'a.wav'],
    ['response_format', 'srt'],
  ]
  const srt = '1\n00:00:00,000 --> 00:00:01,000\nHello.\n'

  for (const [type, body] of [
    ['text/plain; charset=utf-8', srt],
    ['application/x-subrip', srt],
    ['text/vtt', `WEBVTT\n\n${srt}`],
    ['text/plain', 'Hello.\n'],
  ] as const)
    test(`an answer to a form as ${type} passes unchanged`, async () => {
      const script: Script = async answer => {
        answer.writeHead(200, { 'content-type': type })
        await answer.write(body)
        answer.end()
      }
      const { response } = await upload('/v1/audio/transcriptions', fields, script)
      expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([200, type, body])
    })

  test('an answer to a form as JSON passes with all its fields', async () => {
    const transcription = {
      task: 'transcribe',
      duration: 1.5,
      text: 'Hello.',
      segments: [{ id: 0, start: 0, end: 1.5, text: 'Hello.' }],
    }
    const { response } = await upload('/v1/audio/transcriptions', fields, replyJson(transcription))
    expect(await response.json()).toEqual(transcription)
  })

  test('an answer to a form as events passes event by event', async () => {
    const script: Script = async answer => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      await answer.write('data: {"type":"transcript.text.delta","delta":"Hel"}\n\n')
      await answer.write('data: {"type":"transcript.text.done","text":"Hello"}\n\n')
      answer.end()
    }
    const { response } = await upload('/v1/audio/transcriptions', [...fields, ['stream', 'true']], script)
    expect(response.headers.get('content-type')).toStartWith('text/event-stream')
    expect(await response.text()).toContain('transcript.text.done')
  })

  test('an answer to a form that is a refusal keeps its status, and an HTML page is a 502', async () => {
    const refused = await upload('/v1/audio/transcriptions', fields, refuse(415))
    expect(refused.response.status).toBe(415)
    const page = await upload('/v1/audio/transcriptions', fields, replyText(200, '<html>login</html>'))
    expect(page.response.status).toBe(502)
  })

  test('an answer to a form whose request waits for a slot arrives once there is one, or is a 429', async () => {
    const single: Field[] = [
      ['model', 'single'],
      ['file', bytes(50_000), 'a.wav'],
    ]
    const slowScript: Script = async answer => {
      await answer.wait(100)
      await replyJson({ text: 'late' })(answer, {} as ReceivedRequest)
    }
    const [one, other] = await Promise.all([
      upload('/v1/audio/transcriptions', single, slowScript),
      upload('/v1/audio/transcriptions', single, slowScript),
    ])
    expect([one.response.status, other.response.status]).toEqual([200, 200])
    const stuckScript: Script = async answer => {
      await answer.wait(500)
      await replyJson({ text: 'late' })(answer, {} as ReceivedRequest)
    }
    const first = upload('/v1/audio/transcriptions', single, stuckScript)
    await Bun.sleep(50)
    const second = await resultWithin(upload('/v1/audio/transcriptions', single, stuckScript), 2000)
    expect([second?.response.status, second?.response.headers.has('retry-after')]).toEqual([429, true])
    expect((await first).response.status).toBe(200)
  })
})
