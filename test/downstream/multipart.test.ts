import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../src/base/errors.ts'
import type { FormParams } from '../../src/downstream/multipart/fields.ts'
import { isMultipart, readUpload } from '../../src/downstream/multipart/upload.ts'

const boundary = 'X-edge-of-part'
const field = (name: string, value: string) =>
  `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
const file = (name: string, content: string) =>
  `--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n${content}\r\n`
const end = `--${boundary}--\r\n`
const content = 'RIFF\r\n--not the edge\r\n\r\n\u0000binary'

const upload = (text: string, { piece = text.length, length = true } = {}): Request => {
  const bytes = new TextEncoder().encode(text)
  const headers: Record<string, string> = { 'content-type': `multipart/form-data; boundary=${boundary}` }
  if (length) headers['content-length'] = String(bytes.length)
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += piece) controller.enqueue(bytes.slice(at, at + piece))
      controller.close()
    },
  })
  return new Request('http://localhost/v1/audio/transcriptions', { method: 'POST', headers, body })
}

const rewriteUpload = async (request: Request, model: string, maxBody = 1_000_000, params?: FormParams) => {
  const received = await readUpload(request, maxBody)
  const { payload, length } = received.write(model, params)
  return {
    requestedModel: received.model,
    text: await new Response(payload as BodyInit).text(),
    length,
    isStreamed: payload instanceof ReadableStream,
  }
}

describe('an upload', () => {
  for (const piece of [1, 7, 64, 100_000]) {
    test(`is streamed when its model comes before the first file (pieces of ${piece})`, async () => {
      const text = field('model', 'whisper') + field('language', 'de') + file('file', content) + end
      const expected = field('model', 'vendor-whisper-1') + field('language', 'de') + file('file', content) + end
      const result = await rewriteUpload(upload(text, { piece }), 'vendor-whisper-1')
      expect(result.requestedModel).toBe('whisper')
      expect(result.text).toBe(expected)
      expect(result.length).toBe(expected.length)
      if (piece < 1000) expect(result.isStreamed).toBe(true)
    })

    test(`is read whole when a file comes first (pieces of ${piece})`, async () => {
      const text = file('file', content) + field('model', 'whisper') + end
      const result = await rewriteUpload(upload(text, { piece }), 'm')
      expect(result).toMatchObject({
        requestedModel: 'whisper',
        isStreamed: false,
        text: file('file', content) + field('model', 'm') + end,
      })
    })
  }

  test('without a model gets one in front', async () => {
    const text = file('file', content) + end
    const result = await rewriteUpload(upload(text), 'm')
    expect(result.requestedModel).toBeUndefined()
    const form = await new Response(result.text, {
      headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    }).formData()
    expect(form.get('model')).toBe('m')
    expect(await (form.get('file') as File).text()).toBe(content)
  })

  test('may have file names of every kind', async () => {
    for (const name of [
      '"a b.wav"',
      '"a\\"b; name=c.wav"',
      '"C:\\dir\\a.wav"',
      'plain.wav',
      '"声.wav"; filename*=utf-8\'\'%E5%A3%B0.wav',
    ]) {
      const part = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename=${name}\r\nContent-Type: audio/wav\r\n\r\nx\r\n`
      expect(await rewriteUpload(upload(part + field('model', 'whisper') + end), 'm')).toMatchObject({
        requestedModel: 'whisper',
      })
      expect(await rewriteUpload(upload(field('model', 'whisper') + part + end, { piece: 40 }), 'm')).toMatchObject({
        isStreamed: true,
      })
    }
  })

  test('without a known length stays without one', async () => {
    const result = await rewriteUpload(
      upload(field('model', 'a') + file('file', content) + end, { piece: 16, length: false }),
      'b',
    )
    expect(result.length).toBeUndefined()
  })

  test('of another shape is recognised by its content type only', () => {
    expect(isMultipart(new Headers({ 'content-type': 'Multipart/Form-Data; boundary=x' }))).toBe(true)
    expect(isMultipart(new Headers({ 'content-type': 'application/json' }))).toBe(false)
  })
})

describe('params of an entry', () => {
  const params = { language: 'fr', temperature: 0.2, timestamp_granularities: ['word', 'segment'], prompt: null }
  const added =
    field('language', 'fr') +
    field('temperature', '0.2') +
    field('timestamp_granularities[]', 'word') +
    field('timestamp_granularities[]', 'segment')
  const granularity = field('timestamp_granularities[]', 'word')
  const shapes: [name: string, asked: string[], kept: string[]][] = [
    ['are added', [field('model', 'a'), file('file', content)], [field('model', 'm'), file('file', content)]],
    [
      'stand for fields before the model, between it and the file, and behind the file',
      [field('language', 'de'), field('model', 'a'), field('prompt', ''), file('file', content), granularity],
      [field('model', 'm'), file('file', content)],
    ],
    [
      'stand for fields of a form whose model comes last',
      [file('file', content), field('temperature', '1'), field('user', 'ann'), field('model', 'a')],
      [file('file', content), field('user', 'ann'), field('model', 'm')],
    ],
    ['are all there is but the model', [field('language', 'de'), field('model', 'a')], [field('model', 'm')]],
  ]
  for (const piece of [1, 7, 64, 100_000])
    test.each(shapes)(`%s (pieces of ${piece})`, async (_, asked, kept) => {
      const expected = added + kept.join('') + end
      const { text, length } = await rewriteUpload(upload(asked.join('') + end, { piece }), 'm', 1_000_000, params)
      expect(text).toBe(expected)
      expect([undefined, Buffer.byteLength(expected)]).toContain(length)
    })

  test('and a model put in front are not run into what stands before the form', async () => {
    const asked = `to whom it may concern\r\n${file('file', content)}${end}`
    expect((await rewriteUpload(upload(asked), 'm')).text).toBe(field('model', 'm') + file('file', content) + end)
    const { text } = await rewriteUpload(upload(asked), 'm', 1_000_000, { language: 'fr' })
    expect(text).toBe(field('language', 'fr') + field('model', 'm') + file('file', content) + end)
  })

  test('leave a second model refused', async () => {
    const asked = upload(field('model', 'a') + file('file', content) + field('model', 'b') + end, { piece: 50 })
    expect(rewriteUpload(asked, 'm', 1_000_000, params)).rejects.toMatchObject({ code: 'invalid_request' })
  })
})

describe('refused is an upload', () => {
  const refusal = async (request: Request, maxBody?: number): Promise<GatewayError> => {
    try {
      await rewriteUpload(request, 'm', maxBody)
    } catch (error) {
      if (error instanceof GatewayError) return error
      throw error
    }
    throw new Error('it was taken')
  }

  test('that names the model twice, read whole', async () => {
    const error = await refusal(upload(file('file', content) + field('model', 'a') + field('model', 'b') + end))
    expect(error).toMatchObject({ code: 'invalid_request', detail: { param: 'model' } })
  })

  test('that names the model twice, streamed: the second time comes after the file', async () => {
    for (const piece of [5, 50]) {
      const text = field('model', 'allowed') + file('file', content) + field('model', 'secret') + end
      const error = await refusal(upload(text, { piece }))
      expect(error).toMatchObject({ code: 'invalid_request', detail: { param: 'model' } })
    }
  })

  const disposition = 'content-disposition: form-data'
  const hiddenModels: [name: string, head: string][] = [
    ['in a folded line', `${disposition};\r\n name="model"`],
    ['behind a name inside another value', `${disposition}; filename="; name=x"; name="model"`],
    ['with an escape', `${disposition}; name="mod\\el"`],
    ['around its equals sign', `${disposition}; name = "model"`],
    ['in a second disposition', `${disposition}; name="x"\r\n${disposition}; name="model"`],
    ['as a second name', `${disposition}; name="x"; name="model"`],
    ['behind a blank before the colon', 'content-disposition : form-data; name="model"'],
    ['in the extended form', `${disposition}; name*=utf-8''model`],
    ['without a disposition', 'content-type: text/plain'],
  ]
  test.each(hiddenModels)('that names another model %s', async (_name, head) => {
    const part = `--${boundary}\r\n${head}\r\n\r\nother\r\n`
    const order = [
      [file('file', content), field('model', 'a')],
      [field('model', 'a'), file('file', content)],
    ]
    for (const parts of order)
      for (const piece of [5, 1000])
        expect(await refusal(upload(parts.join('') + part + end, { piece }))).toMatchObject({ code: 'invalid_request' })
  })

  test('that is larger than max_body where it must be read whole', async () => {
    const error = await refusal(
      upload(file('file', 'x'.repeat(5000)) + field('model', 'a') + end, { piece: 100 }),
      1000,
    )
    expect(error.code).toBe('too_large')
  })

  test('whose lines end in LF alone, with a word on it: servers differ in what they read there', async () => {
    for (const piece of [5, 1000]) {
      const text = (field('model', 'a') + file('file', 'x') + end).replaceAll('\r\n', '\n')
      const { code, message } = await refusal(upload(text, { piece }))
      expect([code, message]).toEqual(['invalid_request', expect.stringContaining('LF alone')])
    }
  })

  test('that ends too early, or has no boundary', async () => {
    expect((await refusal(upload(field('model', 'a').slice(0, 40)))).code).toBe('invalid_request')
    const headers = { 'content-type': 'multipart/form-data' }
    const bare = new Request('http://localhost/', { method: 'POST', headers, body: 'x' })
    expect((await refusal(bare)).message).toContain('boundary')
  })
})
