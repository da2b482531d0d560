/** Builds messages of AWS's event stream encoding (application/vnd.amazon.eventstream). */

const encoder = new TextEncoder()

/** Encodes one message. A header value that is a number gets the type integer. */
export const messageOf = (headers: Record<string, string | number>, payload: string | Uint8Array): Uint8Array => {
  const headerBytes = Buffer.concat(Object.entries(headers).map(([name, value]) => headerOf(name, value)))
  const body = typeof payload === 'string' ? encoder.encode(payload) : payload
  const message = Buffer.alloc(16 + headerBytes.length + body.length)
  message.writeUInt32BE(message.length, 0)
  message.writeUInt32BE(headerBytes.length, 4)
  message.writeUInt32BE(Bun.hash.crc32(message.subarray(0, 8)), 8)
  message.set(headerBytes, 12)
  message.set(body, 12 + headerBytes.length)
  message.writeUInt32BE(Bun.hash.crc32(message.subarray(0, -4)), message.length - 4)
  return message
}

const headerOf = (name: string, value: string | number): Buffer => {
  const nameBytes = encoder.encode(name)
  const prefix = Buffer.from([nameBytes.length, ...nameBytes, typeof value === 'string' ? 7 : 4])
  const integer = Buffer.alloc(4)
  if (typeof value === 'number') {
    integer.writeInt32BE(value)
    return Buffer.concat([prefix, integer])
  }
  const valueBytes = encoder.encode(value)
  return Buffer.concat([prefix, Buffer.from([valueBytes.length >> 8, valueBytes.length & 255]), valueBytes])
}

/** An event of ConverseStream. */
export const eventOf = (type: string, payload: unknown): Uint8Array =>
  messageOf(
    { ':event-type': type, ':content-type': 'application/json', ':message-type': 'event' },
    JSON.stringify(payload),
  )

/** The `chunk` event in which InvokeModelWithResponseStream wraps an event of the model's own protocol. */
export const chunkOf = (event: unknown): Uint8Array =>
  eventOf('chunk', { bytes: Buffer.from(JSON.stringify(event)).toString('base64'), p: 'abcdef' })

export const exceptionOf = (type: string, payload: unknown): Uint8Array =>
  messageOf(
    { ':exception-type': type, ':content-type': 'application/json', ':message-type': 'exception' },
    JSON.stringify(payload),
  )
