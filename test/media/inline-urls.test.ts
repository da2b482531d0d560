/** Files that a request names by URL are fetched once and inlined. Refusals name the cause. */
import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../src/base/errors.ts'
import type { Json } from '../../src/base/json/json.ts'
import type { Chat, Part } from '../../src/ir/chat.ts'
import { hasUrls, inlineUrls, RequestMedia } from '../../src/media/inline-urls.ts'
import type { MediaSettings, SafeFetch } from '../../src/media/safe-fetch.ts'

const settings: MediaSettings = { allowPrivate: false, maxBytes: 100, timeout: 1, maxFiles: 3 }

const setup = (body: Json = {}, overrides: Partial<MediaSettings> = {}) => {
  const fetched: string[] = []
  const signals: AbortSignal[] = []
  let signalReads = 0
  const safeFetch: SafeFetch = async (url, meter, signal) => {
    fetched.push(url)
    signals.push(signal)
    if (url.includes('missing')) throw new GatewayError('invalid_request', 'its server answered 404')
    if (url.includes('never')) return new Promise(() => undefined)
    const bytes = Buffer.from(url)
    meter(url.includes('large') ? 90 : bytes.length)
    return { bytes, mime: url.endsWith('.pdf') ? 'application/pdf' : 'image/png' }
  }
  const client = {
    get signal() {
      signalReads++
      return new AbortController().signal
    },
  }
  const media = new RequestMedia({ ...settings, ...overrides }, body, client, () => safeFetch)
  return { media, fetched, signals, signalReads: () => signalReads }
}

const image = (url: string): Part => ({ type: 'media', mime: 'image/*', source: { url }, cache: {} })
const chatOf = (...parts: Part[]): Chat => ({ model: 'm', stream: false, turns: [{ role: 'user', parts }] })
const base64 = (text: string) => Buffer.from(text).toString('base64')

const refusal = async (promise: Promise<unknown>): Promise<GatewayError> => {
  const thrown: unknown = await promise.then(
    () => 'nothing thrown',
    error => error,
  )
  expect(thrown).toBeInstanceOf(GatewayError)
  expect((thrown as GatewayError).status).toBe(400)
  return thrown as GatewayError
}

describe('inlineUrls', () => {
  test('a URL is replaced by bytes and the detected type, also in tool results, and all else is kept', async () => {
    const { media, fetched } = setup()
    const chat = chatOf(
      { type: 'text', text: 'look' },
      image('https://a.example/1.png'),
      { type: 'result', id: 'c', parts: [{ type: 'text', text: 'here' }, image('https://a.example/2.png')] },
      { type: 'media', mime: 'image/gif', source: { data: 'R0lG' } },
      { type: 'media', mime: 'image/*', source: { file: 'file-1', by: 'gemini' } },
    )
    const original = structuredClone(chat)
    expect(hasUrls(chat)).toBe(true)
    const inlined = await inlineUrls(chat, media)
    expect(chat).toEqual(original)
    expect(hasUrls(inlined)).toBe(false)
    const [text, first, result, ...rest] = inlined.turns[0]!.parts
    expect([text, ...rest]).toEqual([original.turns[0]!.parts[0], ...original.turns[0]!.parts.slice(3)])
    const fetchedPart = (url: string) => ({
      type: 'media',
      mime: 'image/png',
      source: { data: base64(url) },
      cache: {},
    })
    expect(first).toEqual(fetchedPart('https://a.example/1.png') as Part)
    expect(result).toEqual({
      type: 'result',
      id: 'c',
      parts: [{ type: 'text', text: 'here' }, fetchedPart('https://a.example/2.png') as Part],
    })
    expect(fetched.sort()).toEqual(['https://a.example/1.png', 'https://a.example/2.png'])
  })

  test('a request without URLs allocates nothing', async () => {
    const { media, signalReads } = setup()
    const chat = chatOf({ type: 'text', text: 'hi' })
    expect(hasUrls(chat)).toBe(false)
    expect(await inlineUrls(chat, media)).toEqual(chat)
    expect(signalReads()).toBe(0)
  })

  test('each URL is fetched once over all attempts', async () => {
    const { media, fetched } = setup()
    const chat = chatOf(image('https://a.example/1.png'), image('https://a.example/1.png'))
    const first = await inlineUrls(chat, media)
    expect(await inlineUrls(chat, media)).toEqual(first)
    expect(fetched.length).toBe(1)
  })

  test('data URLs are decoded without a fetch', async () => {
    const { media, fetched } = setup()
    const chat = chatOf(
      image('data:image/gif;base64,R0lG'),
      image('DATA:text/plain;charset=utf-8,a%20b'),
      image('data:,x'),
    )
    const { turns } = await inlineUrls(chat, media)
    expect(turns[0]!.parts.map(part => part.type === 'media' && [part.mime, part.source])).toEqual([
      ['image/gif', { data: 'R0lG' }],
      ['text/plain', { data: base64('a b') }],
      ['image/*', { data: base64('x') }],
    ])
    expect(fetched).toEqual([])
  })
})

describe('a failure is a 400 that names the path of the URL', () => {
  const url = 'https://a.example/missing.png?token=SECRET'
  const body = { messages: [{ content: 'x' }, { content: [{ text: 'y' }, { image_url: { url } }] }] }

  test('a file that cannot be fetched is refused, and the other fetches are cancelled', async () => {
    const { media, signals } = setup(body)
    const error = await refusal(inlineUrls(chatOf(image('https://a.example/never.png'), image(url)), media))
    expect(error.message).toBe(
      'messages[1].content[1].image_url.url: the file could not be fetched: its server answered 404',
    )
    expect(error.detail).toEqual({ param: 'messages[1].content[1].image_url.url' })
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
  })

  test('a file of another type than declared is refused', async () => {
    const { media } = setup({ file: 'https://a.example/a.pdf' })
    const error = await refusal(inlineUrls(chatOf(image('https://a.example/a.pdf')), media))
    expect(error.message).toBe('file: the file could not be fetched: it is application/pdf, not image/*')
  })

  test('too many files, or too many bytes in total, are refused', async () => {
    const many = setup()
    const images = [1, 2, 3, 4].map(number => image(`https://a.example/${number}`))
    expect((await refusal(inlineUrls(chatOf(...images), many.media))).message).toContain('no more than 3 files')
    const much = setup()
    const larges = [1, 2, 3].map(number => image(`https://a.example/large${number}`))
    expect((await refusal(inlineUrls(chatOf(...larges), much.media))).message).toContain('larger than 200 bytes')
  })

  test('a malformed data URL is refused', async () => {
    for (const broken of ['data:image/png;base64', 'data:text/plain,%zz'])
      expect((await refusal(inlineUrls(chatOf(image(broken)), setup().media))).message).toContain('its data URL')
  })
})
