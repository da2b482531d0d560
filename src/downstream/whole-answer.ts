/** Sends an answer whose text is complete: at once if it is small, else as a stream at the speed of its reader. */
import type { RequestLifetime } from '../telemetry/request-lifetime.ts'
import { ClientStream } from './client-stream.ts'
import type { ResponseHeaders } from './response-headers.ts'

/**
 * Characters of an answer that is sent at once, and of a piece of a larger one. The runtime keeps what the kernel does
 * not accept until the client reads it, without a deadline, so this is also the most that a client can make it keep.
 * A stream has no content length, and costs about 0.1 ms more from 128 KiB on; larger pieces save nothing.
 */
const pieceLength = 64 * 1024

const encoder = new TextEncoder()

/**
 * The text is encoded piece by piece, so that a client that does not read costs its text and no second copy. A stream
 * that is stopped never ends by itself: its connection is closed, so the client cannot mistake a part for the whole.
 */
class WholeAnswerStream extends ClientStream {
  #unsent: string

  constructor(text: string, lifetime: RequestLifetime, clientIdleTimeout: number) {
    super(lifetime, clientIdleTimeout)
    this.#unsent = text
    lifetime.stopAtEnd(this)
  }

  pull(): undefined {
    if (this.lifetime.isClosed) return
    this.notePull()
    if (this.#unsent === '') {
      this.closeRequest()
      this.controller.close()
      return
    }
    const end = pieceEnd(this.#unsent)
    this.enqueue(encoder.encode(this.#unsent.slice(0, end)))
    this.#unsent = this.#unsent.slice(end)
  }

  /** Frees the text. */
  stop(): void {
    this.#unsent = ''
  }
}

/** Where the next piece ends: never between the two halves of a surrogate pair. */
const pieceEnd = (text: string): number => {
  const isHighSurrogate = (text.charCodeAt(pieceLength - 1) & 0xfc00) === 0xd800
  return isHighSurrogate && text.length > pieceLength ? pieceLength + 1 : pieceLength
}

/**
 * The response for a complete text, with status 200. The request is closed now, or when the client has read a large
 * text; what the attempt borrowed is returned now in either case.
 * @param clientIdleTimeout seconds in which the client must read some of the text
 */
export const respondWhole = (
  text: string,
  headers: ResponseHeaders,
  lifetime: RequestLifetime,
  clientIdleTimeout: number,
): Response => {
  if (text.length <= pieceLength || lifetime.isClosed) {
    lifetime.close()
    return new Response(text, { headers })
  }
  lifetime.releaseLease()
  return new Response(new ReadableStream(new WholeAnswerStream(text, lifetime, clientIdleTimeout)), { headers })
}
