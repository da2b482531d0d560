/** Bytes piped to the client as they arrive: audio, images, and streams of passthrough-only paths. */
import type { GatewayError } from '../base/errors.ts'
import type { RequestLifetime } from '../telemetry/request-lifetime.ts'
import { connectionError, type UpstreamResponse } from '../upstream/call.ts'
import { ClientStream } from './client-stream.ts'

/** The part of a body's reader that piping needs. */
export type PipedReader = {
  read(): Promise<{ value?: Uint8Array | undefined; done: boolean }>
  cancel(reason?: unknown): Promise<void>
}

/**
 * Seconds. `vendor`: how long the vendor may be silent within its response; undefined if the deadline of the whole
 * response applies. `client`: how long the client may read nothing.
 */
export type IdleTimeouts = { vendor: number | undefined; client: number }

/**
 * If the vendor's connection breaks, the client's stream breaks too: a client must not mistake half a file for a
 * complete one.
 */
export class ClientByteStream extends ClientStream {
  readonly #reader: PipedReader

  constructor(
    private readonly upstream: UpstreamResponse,
    private readonly idleTimeouts: IdleTimeouts,
    lifetime: RequestLifetime,
    wrapReader: (reader: PipedReader) => PipedReader = reader => reader,
  ) {
    super(lifetime, idleTimeouts.client)
    this.#reader = wrapReader(upstream.response.body!.getReader())
    lifetime.stopAtEnd(upstream)
  }

  async pull(): Promise<void> {
    this.notePull()
    const { deadline } = this.upstream
    if (this.idleTimeouts.vendor !== undefined) deadline.arm('idle', this.idleTimeouts.vendor)
    try {
      const { value, done } = await this.#reader.read()
      deadline.pause()
      if (done || value === undefined) return this.#finish()
      this.enqueue(value)
    } catch (thrown) {
      this.#fail(deadline.expired ?? connectionError(thrown))
    }
  }

  #finish(): void {
    this.upstream.deadline.complete()
    this.closeRequest()
    this.controller.close()
  }

  #fail(error: GatewayError): void {
    this.upstream.deadline.clear()
    this.closeRequest(error)
    this.controller.error(error)
  }
}

/**
 * The body of a response for the client. The request ends when the body ends.
 * @param wrapReader what reads the body in place of its reader
 */
export const pipeBytes = (
  upstream: UpstreamResponse,
  idleTimeouts: IdleTimeouts,
  lifetime: RequestLifetime,
  wrapReader?: (reader: PipedReader) => PipedReader,
): ReadableStream<Uint8Array> => new ReadableStream(new ClientByteStream(upstream, idleTimeouts, lifetime, wrapReader))
