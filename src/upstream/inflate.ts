/**
 * Inflates responses of vendors that compress although the gateway asks for `identity`. Every flush of the vendor
 * arrives at once, so a stream stays a stream.
 */
import { GatewayError } from '../base/errors.ts'

/** The names of content encodings, as `DecompressionStream` spells them. */
const formats: ReadonlyMap<string, string> = new Map([
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['br', 'brotli'],
  ['zstd', 'zstd'],
])

/** JSON and text shrink to a tenth or so; a file that inflates to more than this was made to exhaust memory. */
const maxRatio = 100
/** Bytes that any response may inflate to: the start of a stream may be very regular. */
const freeBytes = 16 * 1024 * 1024

/**
 * The same response with an inflated body; unchanged if it is not compressed. The consumer's pace is kept: no more is
 * inflated than is read.
 * @throws GatewayError `upstream_failed` for an encoding that is not known. The body fails with `upstream_failed` if it
 * inflates to more than 16 MiB and 100 times what has arrived.
 */
export const inflateResponse = (response: Response): Response => {
  const encoding = response.headers.get('content-encoding')
  if (encoding === null || response.body === null) return response
  const encodings = encoding
    .toLowerCase()
    .split(',')
    .map(name => name.trim())
  const names = encodings.filter(name => name !== '' && name !== 'identity')
  if (names.length === 0) return response
  const format = names.length === 1 ? formats.get(names[0]!) : undefined
  if (format === undefined) {
    void response.body.cancel().catch(() => undefined)
    throw new GatewayError('upstream_failed', 'the vendor sent an unknown content-encoding')
  }
  const headers = new Headers(response.headers)
  headers.delete('content-encoding')
  headers.delete('content-length')
  return new Response(inflate(response.body, format), { status: response.status, headers })
}

type TransformPair = ReadableWritablePair<Uint8Array, Uint8Array>

const inflate = (body: ReadableStream<Uint8Array>, format: string): ReadableStream<Uint8Array> => {
  let received = 0
  let inflated = 0
  const count = new TransformStream<Uint8Array, Uint8Array>({
    transform(bytes, controller) {
      received += bytes.length
      controller.enqueue(bytes)
    },
  })
  // The types of the library say BufferSource, which includes these bytes.
  const decompression = new DecompressionStream(format as CompressionFormat) as unknown as TransformPair
  const reader = body.pipeThrough(count).pipeThrough(decompression).getReader()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { value, done } = await reader.read().catch(readError)
        if (done) return controller.close()
        inflated += value.length
        if (inflated <= freeBytes + maxRatio * received) return controller.enqueue(value)
        const error = new GatewayError('upstream_failed', 'the vendor sent an answer that inflates to far too much')
        await reader.cancel(error).catch(() => undefined)
        throw error
      },
      cancel: reason => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

/** An error of zlib has no meaning for the reader; that of a lost connection or an aborted call is passed on. */
const readError = (thrown: unknown): never => {
  if (thrown instanceof TypeError || (thrown instanceof Error && /^(Z_|ERR_|ZSTD_|BROTLI_)/.test(codeOf(thrown))))
    throw new GatewayError('upstream_failed', 'the vendor sent a body that cannot be inflated')
  throw thrown
}

const codeOf = (error: Error): string => ('code' in error ? String(error.code) : '')
