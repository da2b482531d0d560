/** Vendors that compress although nobody asked: bombs are stopped, and honest answers and streams arrive. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import zlib from 'node:zlib'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { peakGrowth } from '../support/memory.ts'
import { type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { chatBody, chatChunks, frameOf } from '../support/upstream-scripts.ts'

const MB = 1024 * 1024
const { constants } = zlib
let upstream: Upstream
let gateway: Gateway

beforeAll(async () => {
  upstream = await scriptedUpstream(() => undefined)
  gateway = await startGateway({
    services: {
      openai: [{ enabled: true, models: ['m'], server_url: `${upstream.url}/v1`, credentials: { api_key: 'k' } }],
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

type Compressor = { create: () => zlib.Gzip | zlib.Deflate | zlib.BrotliCompress | zlib.ZstdCompress; flush: number }
const compressors: Record<string, Compressor> = {
  gzip: { create: () => zlib.createGzip(), flush: constants.Z_SYNC_FLUSH },
  deflate: { create: () => zlib.createDeflate(), flush: constants.Z_SYNC_FLUSH },
  br: {
    create: () =>
      zlib.createBrotliCompress({
        params: { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_LGWIN]: 24 },
      }),
    flush: constants.BROTLI_OPERATION_FLUSH,
  },
  zstd: { create: () => zlib.createZstdCompress(), flush: constants.ZSTD_e_flush },
}

/** Compresses the pieces one by one. Each result ends with a flush. */
const compress = async ({ create, flush }: Compressor, pieces: Iterable<string | Uint8Array>): Promise<Buffer[]> => {
  const compressor = create()
  const compressed: Buffer[] = []
  let waiting: Buffer[] = []
  compressor.on('data', (bytes: Buffer) => waiting.push(bytes))
  for (const piece of pieces) {
    compressor.write(piece)
    await new Promise<void>(resolve => compressor.flush(flush, () => resolve()))
    await Bun.sleep(1)
    compressed.push(Buffer.concat(waiting))
    waiting = []
  }
  await new Promise<void>(resolve => compressor.end(() => resolve()))
  await Bun.sleep(1)
  compressed.push(Buffer.concat(waiting))
  return compressed
}

const reply =
  (pieces: Uint8Array[], encoding: string, type: string, pace = 0): Script =>
  async answer => {
    answer.writeHead(200, { 'content-type': type, 'content-encoding': encoding })
    for (const piece of pieces) {
      await answer.write(piece)
      if (pace > 0) await answer.wait(pace)
    }
    answer.end()
  }

const post = (body: object, path = '/v1/chat/completions'): Promise<Response> =>
  fetch(gateway.url + path, { method: 'POST', body: JSON.stringify(body), proxy: false } as RequestInit)
const chat = (stream: boolean) => post({ model: 'm', stream, messages: [{ role: 'user', content: 'x' }] })

test('vendors are asked not to compress', async () => {
  upstream.setScript(reply([Buffer.from(JSON.stringify(chatBody('yes')))], 'identity', 'application/json'))
  expect((await chat(false)).status).toBe(200)
  expect(upstream.requests.at(-1)!.headers['accept-encoding']).toBe('identity')
})

test('an unknown encoding is the fault of the vendor', async () => {
  upstream.setScript(reply([Buffer.from('{}')], 'compress', 'application/json'))
  const response = await chat(false)
  expect(response.status).toBe(502)
  expect(await response.text()).toContain('unknown content-encoding')
})

for (const [encoding, compressor] of Object.entries(compressors))
  describe(encoding, () => {
    test('an honest answer arrives', async () => {
      const pieces = await compress(compressor, [JSON.stringify(chatBody('an honest answer'))])
      upstream.setScript(reply(pieces, encoding, 'application/json'))
      const response = await chat(false)
      expect(response.headers.get('content-encoding')).toBeNull()
      expect(await response.text()).toContain('an honest answer')
    })

    test('a stream that is flushed after each frame arrives frame by frame', async () => {
      const pieces = await compress(compressor, chatChunks(['one', 'two', 'three']).map(frameOf))
      upstream.setScript(reply(pieces, encoding, 'text/event-stream', 60))
      const response = await chat(true)
      const arrivals: string[] = []
      const decoder = new TextDecoder()
      for await (const bytes of response.body!) arrivals.push(decoder.decode(bytes))
      expect(arrivals.join('')).toMatch(/"one".*"two".*"three"/s)
      expect(arrivals.filter(text => /"(one|two|three)"/.test(text)).length).toBe(3)
    })

    test('a body that is cut off is the fault of the vendor', async () => {
      const whole = Buffer.concat(await compress(compressor, [JSON.stringify(chatBody('cut '.repeat(100)))]))
      upstream.setScript(reply([whole.subarray(0, whole.length / 2)], encoding, 'application/json'))
      const response = await chat(false)
      expect(response.status).toBe(502)
      expect(await response.text()).toContain('cannot be inflated')
    })

    for (const [shape, type, path, body] of [
      ['a whole answer', 'application/json', '/v1/chat/completions', {}],
      ['a stream', 'text/event-stream', '/v1/chat/completions', { stream: true }],
    ] as const)
      test(`a bomb in ${shape} is stopped`, async () => {
        const start = shape === 'a stream' ? ': ' : ' '
        const zeros = Buffer.alloc(16 * MB, start)
        const pieces = await compress(
          compressor,
          (function* () {
            for (let at = 0; at < 24; at++) yield zeros
          })(),
        )
        upstream.setScript(reply(pieces, encoding, type))
        const [text, growth] = await peakGrowth(gateway, async () => {
          const response = await post({ model: 'm', messages: [{ role: 'user', content: 'x' }], ...body }, path)
          return response.text()
        })
        expect(text).toMatch(/inflates to far too much|more than 16 MiB/)
        expect(growth).toBeLessThan(64 * MB)
      }, 20_000)
  })

test('nothing of this is an unhandled error', () => expect(gateway.stdout()).not.toContain('stray fault'))
