/** Redacts a body that is piped to the client, line by line as it arrives. Bytes without a secret stay as they are. */
import type { Redact } from '../base/redact.ts'
import type { PipedReader } from './byte-stream.ts'

/** A longer line is redacted in pieces, in bytes. Each piece but the last overlaps the next, for a secret at the cut. */
const maxHeld = 1024 * 1024
const overlap = 16 * 1024

/** Lets the lines of content pass: `true` if a line needs no redaction. */
type IsContent = (line: Uint8Array) => boolean

export class RedactedReader implements PipedReader {
  /** What may be the start of a longer line. */
  #held: Uint8Array[] = []
  #heldLength = 0
  #hasEnded = false

  constructor(
    private readonly reader: PipedReader,
    private readonly redact: Redact,
    private readonly isContent: IsContent,
  ) {}

  async read(): ReturnType<PipedReader['read']> {
    while (!this.#hasEnded) {
      const { value, done } = await this.reader.read()
      this.#hasEnded = done
      const bytes = value === undefined ? this.#takeHeld() : this.#push(value)
      if (bytes.length > 0) return { value: bytes, done: false }
    }
    return { done: true }
  }

  cancel(reason?: unknown): Promise<void> {
    return this.reader.cancel(reason)
  }

  #push(value: Uint8Array): Uint8Array {
    const lineEnd = Math.max(value.lastIndexOf(0x0a), value.lastIndexOf(0x0d)) + 1
    if (lineEnd === 0) return this.#hold(value)
    const lines = this.#join(value.subarray(0, lineEnd))
    this.#keep(value.subarray(lineEnd))
    return this.#redactLines(lines)
  }

  /** Holds a piece without a line break, and releases the start of a line that is too long to hold. */
  #hold(value: Uint8Array): Uint8Array {
    this.#held.push(value)
    this.#heldLength += value.length
    if (this.#heldLength <= maxHeld) return new Uint8Array()
    const bytes = this.#join(new Uint8Array())
    const redacted = this.#redactBytes(bytes)
    const isClean = redacted === bytes
    this.#keep(isClean ? bytes.subarray(-overlap) : new Uint8Array())
    return isClean ? bytes.subarray(0, -overlap) : redacted
  }

  #takeHeld(): Uint8Array {
    const rest = this.#join(new Uint8Array())
    this.#keep(new Uint8Array())
    return this.#redactLines(rest)
  }

  #join(last: Uint8Array): Uint8Array {
    return this.#heldLength === 0 ? last : Buffer.concat([...this.#held, last])
  }

  #keep(bytes: Uint8Array): void {
    this.#held = [bytes]
    this.#heldLength = bytes.length
  }

  /** Redacts what lies between lines of content. */
  #redactLines(bytes: Uint8Array): Uint8Array {
    const out: Uint8Array[] = []
    let from = 0
    for (let start = 0; start < bytes.length; ) {
      const end = bytes.indexOf(0x0a, start) + 1 || bytes.length
      const line = bytes.subarray(start, end)
      if (this.isContent(line)) {
        out.push(this.#redactBytes(bytes.subarray(from, start)), line)
        from = end
      }
      start = end
    }
    if (from === 0) return this.#redactBytes(bytes)
    return Buffer.concat([...out, this.#redactBytes(bytes.subarray(from))])
  }

  /** The same object if it holds no secret. The body need not be UTF-8, so its bytes are searched as Latin-1. */
  #redactBytes(bytes: Uint8Array): Uint8Array {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    const text = buffer.toString('latin1')
    return this.redact(text) === text ? bytes : Buffer.from(this.redact(buffer.toString()))
  }
}

/** The line of a stream whose event is one of `events`: `data: {"type":"speech.audio.delta",…`. */
export const eventLines = (events: Iterable<string>): IsContent => {
  const prefixes = [...events].flatMap(event =>
    ['data: {"type":"', 'data:{"type":"', 'data: {"type": "'].map(start => Buffer.from(`${start}${event}"`)),
  )
  return line => prefixes.some(prefix => line.length > prefix.length && prefix.compare(line, 0, prefix.length) === 0)
}
