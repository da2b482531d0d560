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

describe('readUpload', () => {
  for (const piece of [1, 7, 64, 100_000]) {
    test(`an upload whose model comes before the first file is streamed (chunks of ${piece} bytes)`, async () => {
      const text = field('model', 'whisper') + field('language', 'de') + file('file', content) + end
      const expected = field('model', 'vendor-whisper-1') + field('language', 'de') + file('file', content) + end
      const result = await rewriteUpload(upload(text, { piece }), 'vendor-whisper-1')
      expect(result.requestedModel).toBe('whisper')
      expect(result.text).toBe(expected)
      expect(result.length).toBe(expected.length)
      if (piece < 1000) expect(result.isStreamed).toBe(true)
    })

    test(`an upload whose first part is a file is buffered (chunks of ${piece} bytes)`, async () => {
      const text = file('file', content) + field('model', 'whisper') + end
      const result = await rewriteUpload(upload(text, { piece }), 'm')
      expect(result).toMatchObject({
        requestedModel: 'whisper',
        isStreamed: false,
        text: file('file', content) + field('model', 'm') + end,
      })
    })
  }

  test('an upload that names no model gets one at the front', async () => {
    const text = file('file', content) + end
    const result = await rewriteUpload(upload(text), 'm')
    expect(result.requestedModel).toBeUndefined()
    const form = await new Response(result.text, {
      headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    }).formData()
    expect(form.get('model')).toBe('m')
    expect(await (form.get('file') as File).text()).toBe(content)
  })

  test('file names may contain spaces, quotes, backslashes and other scripts', async () => {
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

  test('an upload of unknown length is sent without a length', async () => {
    const result = await rewriteUpload(
      upload(field('model', 'a') + file('file', content) + end, { piece: 16, length: false }),
      'b',
    )
    expect(result.length).toBeUndefined()
  })

  test('isMultipart looks at the content type only', () => {
    expect(isMultipart(new Headers({ 'content-type': 'Multipart/Form-Data; boundary=x' }))).toBe(true)
    expect(isMultipart(new Headers({ 'content-type': 'application/json' }))).toBe(false)
  })
})

describe('an upload with params of an entry', () => {
  const params = { language: 'fr', temperature: 0.2, timestamp_granularities: ['word', 'segment'], prompt: null }
  const added =
    field('language', 'fr') +
    field('temperature', '0.2') +
    field('timestamp_granularities[]', 'word') +
    field('timestamp_granularities[]', 'segment')
  const granularity = field('timestamp_granularities[]', 'word')
  const shapes: [name: string, sent: string[], kept: string[]][] = [
    [
      'are added to the fields',
      [field('model', 'a'), file('file', content)],
      [field('model', 'm'), file('file', content)],
    ],
    [
      'replace fields before the model, between the model and the file, and after the file',
      [field('language', 'de'), field('model', 'a'), field('prompt', ''), file('file', content), granularity],
      [field('model', 'm'), file('file', content)],
    ],
    [
      'replace fields of a form whose model comes last',
      [file('file', content), field('temperature', '1'), field('user', 'ann'), field('model', 'a')],
      [file('file', content), field('user', 'ann'), field('model', 'm')],
    ],
    ['become the only fields besides the model', [field('language', 'de'), field('model', 'a')], [field('model', 'm')]],
  ]
  for (const piece of [1, 7, 64, 100_000])
    test.each(shapes)(`params of an entry %s (chunks of ${piece} bytes)`, async (_, parts, kept) => {
      const expected = added + kept.join('') + end
      const { text, length } = await rewriteUpload(upload(parts.join('') + end, { piece }), 'm', 1_000_000, params)
      expect(text).toBe(expected)
      expect([undefined, Buffer.byteLength(expected)]).toContain(length)
    })

  test('text before the first delimiter is dropped, so that it cannot merge with inserted fields', async () => {
    const form = `to whom it may concern\r\n${file('file', content)}${end}`
    expect((await rewriteUpload(upload(form), 'm')).text).toBe(field('model', 'm') + file('file', content) + end)
    const { text } = await rewriteUpload(upload(form), 'm', 1_000_000, { language: 'fr' })
    expect(text).toBe(field('language', 'fr') + field('model', 'm') + file('file', content) + end)
  })

  test('a second model is refused although params filter the fields', async () => {
    const request = upload(field('model', 'a') + file('file', content) + field('model', 'b') + end, { piece: 50 })
    await expect(rewriteUpload(request, 'm', 1_000_000, params)).rejects.toMatchObject({ code: 'invalid_request' })
  })
})

describe('a refused upload', () => {
  const refusal = async (request: Request, maxBody?: number): Promise<GatewayError> => {
    try {
      await rewriteUpload(request, 'm', maxBody)
    } catch (error) {
      if (error instanceof GatewayError) return error
      throw error
    }
    throw new Error('it was taken')
  }

  test('a buffered upload that names the model twice is refused', async () => {
    const error = await refusal(upload(file('file', content) + field('model', 'a') + field('model', 'b') + end))
    expect(error).toMatchObject({ code: 'invalid_request', detail: { param: 'model' } })
  })

  test('a streamed upload that names the model again after the file is refused', async () => {
    for (const piece of [5, 50]) {
      const text = field('model', 'allowed') + file('file', content) + field('model', 'secret') + end
      const error = await refusal(upload(text, { piece }))
      expect(error).toMatchObject({ code: 'invalid_request', detail: { param: 'model' } })
    }
  })

  const disposition = 'content-disposition: form-data'
  const hiddenModels: [name: string, header: string][] = [
    ['in a folded header line', `${disposition};\r\n name="model"`],
    ['after a name inside another value', `${disposition}; filename="; name=x"; name="model"`],
    ['with an escaped character', `${disposition}; name="mod\\el"`],
    ['with spaces around the equals sign', `${disposition}; name = "model"`],
    ['in a second disposition', `${disposition}; name="x"\r\n${disposition}; name="model"`],
    ['as a second name parameter', `${disposition}; name="x"; name="model"`],
    ['after a space before the colon', 'content-disposition : form-data; name="model"'],
    ['in the extended parameter syntax', `${disposition}; name*=utf-8''model`],
    ['in a part without a disposition', 'content-type: text/plain'],
  ]
  test.each(hiddenModels)('an upload that hides another model %s is refused', async (_name, header) => {
    const part = `--${boundary}\r\n${header}\r\n\r\nother\r\n`
    const order = [
      [file('file', content), field('model', 'a')],
      [field('model', 'a'), file('file', content)],
    ]
    for (const parts of order)
      for (const piece of [5, 1000])
        expect(await refusal(upload(parts.join('') + part + end, { piece }))).toMatchObject({ code: 'invalid_request' })
  })

  test('an upload that must be buffered and is larger than max_body is refused', async () => {
    const error = await refusal(
      upload(file('file', 'x'.repeat(5000)) + field('model', 'a') + end, { piece: 100 }),
      1000,
    )
    expect(error.code).toBe('too_large')
  })

  test('an upload whose lines end in LF alone is refused with a message that says so', async () => {
    for (const piece of [5, 1000]) {
      const text = (field('model', 'a') + file('file', 'x') + end).replaceAll('\r\n', '\n')
      const { code, message } = await refusal(upload(text, { piece }))
      expect([code, message]).toEqual(['invalid_request', expect.stringContaining('LF alone')])
    }
  })

  test('an upload that is cut off or has no boundary is refused', async () => {
    expect((await refusal(upload(field('model', 'a').slice(0, 40)))).code).toBe('invalid_request')
    const headers = { 'content-type': 'multipart/form-data' }
    const bare = new Request('http://localhost/', { method: 'POST', headers, body: 'x' })
    expect((await refusal(bare)).message).toContain('boundary')
  })
})
