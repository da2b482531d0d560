/** Keeps the body of a request in memory, and refuses one that is larger than `max_body`. */
import { GatewayError } from '../base/errors.ts'

export class BodyBuffer {
  readonly #chunks: Uint8Array[] = []
  #length = 0

  constructor(private readonly maxBody: number) {}

  /** @throws GatewayError `too_large` as soon as more than `maxBody` bytes have arrived */
  add(chunk: Uint8Array): void {
    this.#length += chunk.length
    if (this.#length > this.maxBody) throw tooLarge(this.maxBody)
    this.#chunks.push(chunk)
  }

  /** All bytes. A single chunk is not copied. */
  join(): Buffer {
    const [chunk] = this.#chunks
    if (chunk === undefined || this.#chunks.length > 1) return Buffer.concat(this.#chunks)
    return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  }
}

export const tooLarge = (maxBody: number): GatewayError =>
  new GatewayError('too_large', `the body is larger than the ${maxBody} bytes that max_body allows`)
