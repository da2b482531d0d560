/**
 * Builds the mock's responses: complete or streamed, slow, cut or silent as the model's name asks. A response ends
 * immediately when its request is aborted.
 */
import { isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import type { Behaviour } from './behaviour.ts'

const encoder = new TextEncoder()

/** Creation time of every response: the start of 2025, in seconds since 1970. */
export const created = 1_735_689_600

/**
 * Waits for a number of milliseconds. It rejects with the signal's reason as soon as the signal aborts. Without a time
 * it waits only for the signal.
 */
export const wait = (signal: AbortSignal, milliseconds?: number): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const done = () => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }
    const timer = milliseconds === undefined ? undefined : setTimeout(done, milliseconds)
    signal.addEventListener('abort', onAbort, { once: true })
  })

/** An error that the mock answers with, as an HTTP status and a message in OpenAI's format. */
export class MockError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly param: string | null = null,
  ) {
    super(message)
  }
}

const errorTypes: Record<number, [type: string, code: string | null]> = {
  401: ['invalid_request_error', 'invalid_api_key'],
  404: ['invalid_request_error', 'model_not_found'],
  429: ['requests', 'rate_limit_exceeded'],
}

/** An error response in OpenAI's format. A 429 asks the client to retry after one second. */
export const errorResponse = ({ status, message, param }: MockError): Response => {
  const [type, code] = errorTypes[status] ?? [status < 500 ? 'invalid_request_error' : 'server_error', null]
  const headers: Record<string, string> = status === 429 ? { 'retry-after': '1' } : {}
  return Response.json({ error: { message, type, param, code } }, { status, headers })
}

/**
 * Parses the body of a request.
 * @throws MockError if the text is not a JSON object
 */
export const readBody = (text: string | undefined): JsonObject => {
  let body: unknown
  try {
    body = JSON.parse(text ?? '')
  } catch {
    throw new MockError(400, 'the body is not JSON')
  }
  if (!isObject(body)) throw new MockError(400, 'the body is not a JSON object')
  return body
}

/**
 * Delivers each chunk when it is pulled, after `pace` milliseconds. After the last chunk the body ends, or never ends
 * if `staysOpen` is set.
 */
const bodyOf = (
  chunks: Uint8Array[],
  pace: number,
  staysOpen: boolean,
  signal: AbortSignal,
): ReadableStream<Uint8Array> => {
  const cancellation = new AbortController()
  const ended = AbortSignal.any([signal, cancellation.signal])
  let next = 0
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        signal.addEventListener('abort', () => controller.error(signal.reason), {
          once: true,
          signal: cancellation.signal,
        })
      },
      async pull(controller) {
        const chunk = chunks[next++]
        if (!chunk && staysOpen) await wait(ended)
        if (pace > 0 && chunk) await wait(ended, pace)
        if (chunk) return controller.enqueue(chunk)
        cancellation.abort()
        controller.close()
      },
      cancel: reason => cancellation.abort(reason),
    },
    { highWaterMark: 0 },
  )
}

const streamResponse = (chunks: Uint8Array[], type: string, behaviour: Behaviour, signal: AbortSignal): Response =>
  new Response(bodyOf(chunks, behaviour.pace, behaviour.silent, signal), { headers: { 'content-type': type } })

/** Sends a complete body. `cut` truncates it in the middle. */
export const sendBytes = (bytes: Uint8Array, type: string, behaviour: Behaviour, signal: AbortSignal): Response => {
  const sent = behaviour.cut === undefined ? bytes : bytes.slice(0, bytes.length >> 1)
  return streamResponse(behaviour.silent ? [] : [sent], type, { ...behaviour, pace: 0 }, signal)
}

export const sendJson = (body: Json, behaviour: Behaviour, signal: AbortSignal): Response =>
  sendBytes(encoder.encode(JSON.stringify(body)), 'application/json', behaviour, signal)

/**
 * Sends an event stream with `[DONE]`. `cut` ends it after that many frames. `silent` sends no frame, or with `cut`
 * stays open after the last frame.
 */
export const sendStream = (frames: Json[], behaviour: Behaviour, signal: AbortSignal): Response => {
  const texts = [...frames.map(frame => JSON.stringify(frame)), '[DONE]']
  const sent = texts.slice(0, behaviour.cut ?? (behaviour.silent ? 0 : undefined))
  const chunks = sent.map(text => encoder.encode(`data: ${text}\n\n`))
  return streamResponse(chunks, 'text/event-stream; charset=utf-8', behaviour, signal)
}
