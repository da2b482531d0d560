/**
 * Answers a request whose body was not read. The server would otherwise read on until the client has sent everything. A
 * connection that is closed at once takes the answer with it, so the answer is sent first, and the connection closes when
 * the client has had a moment to read it.
 */

/** Bytes that the server may read on before the connection is kept for the next request. */
const maxKept = 64 * 1024
/** Bytes and milliseconds of a body that are read and dropped while the client reads its answer. */
const maxDrained = 40 * 2 ** 20
const maxDrainTime = 1000

const encoder = new TextEncoder()

/**
 * The response with this text. If more than 64 KiB of the request's body may follow, it ends and closes the connection
 * after 40 MiB more of the body, or after one second.
 * @param isPartlyRead the body was read in part; otherwise a body that has been touched was read to its end
 */
export const respondUnread = (
  request: Request,
  text: string,
  init: { status: number; headers: Record<string, string> },
  isPartlyRead = false,
): Response => {
  if (!mayFollow(request, isPartlyRead)) return new Response(text, init)
  const body = request.body
  const stream = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(encoder.encode(text))
      if (body) await drain(body)
      controller.close()
    },
  })
  return new Response(stream, { ...init, headers: { ...init.headers, connection: 'close' } })
}

const mayFollow = ({ method, headers, bodyUsed }: Request, isPartlyRead: boolean): boolean => {
  if (method === 'GET' || method === 'HEAD' || (bodyUsed && !isPartlyRead)) return false
  return headers.has('transfer-encoding') || Number(headers.get('content-length') ?? 0) > maxKept
}

/** Never throws: the client may leave at any time. */
const drain = async (body: ReadableStream<Uint8Array>): Promise<void> => {
  const timeout = Promise.withResolvers<undefined>()
  const timer = setTimeout(timeout.resolve, maxDrainTime, undefined)
  // A body that another reader holds cannot be dropped; its client gets the same time.
  const reader = body.locked ? undefined : body.getReader()
  try {
    for (let drained = 0; drained < maxDrained; ) {
      const read = await Promise.race([timeout.promise, reader?.read() ?? timeout.promise])
      if (read === undefined || read.done) return
      drained += read.value.length
    }
  } catch {
    // The client has disconnected: there is nothing left to drop.
  } finally {
    clearTimeout(timer)
  }
}
