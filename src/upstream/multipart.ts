/**
 * An upload (multipart/form-data) of which only the `model` part is ours to read and to rewrite. If it stands before the first file the rest
 * is streamed as it comes; else the whole is read, up to `max_body`.
 */
import { GatewayError } from '../errors.ts'
import type { Payload } from './call.ts'
import { refuseCompressed, tooLarge } from './intake.ts'

export type Upload = {
  /** As the client named it. */
  model: string | undefined
  /** The body with another model; can be asked for once where it is streamed. */
  write: (model: string) => { payload: Payload; length: number | undefined }
}

type Part = { name: string; file: boolean; start: number; end: number }
type Scan = { model?: Part; sawFile: boolean; complete: boolean }
type Reader = ReadableStreamDefaultReader<Uint8Array>

/** Bytes that are searched for the model as they come in; after that many the whole is read first. */
const largestSearch = 1024 * 1024
/** Bytes of a part's head that are read at most. */
const largestHead = 16 * 1024

export const isMultipart = (headers: Headers): boolean =>
  headers.get('content-type')?.toLowerCase().startsWith('multipart/form-data') === true

/** @throws GatewayError `invalid_request` for what is no form, or names the model twice; `too_large`. */
export const readUpload = async (request: Request, maxBody: number): Promise<Upload> => {
  refuseCompressed(request.headers)
  const delimiter = delimiterOf(request.headers.get('content-type') ?? '')
  if (request.body === null) throw malformed('the body is empty')
  const reader = request.body.getReader()
  const announced = request.headers.get('content-length')
  const length = announced === null ? undefined : Number(announced)
  let pieces: Uint8Array[] = []
  let size = 0
  let scanAt = 0
  for (;;) {
    const { value, done } = await reader.read()
    if (value) {
      pieces.push(value)
      size += value.length
    }
    if (!done && size < scanAt) continue
    // A form that comes in drops is not looked through at every drop.
    scanAt = size + Math.max(size >> 3, 64)
    const bytes = Buffer.concat(pieces)
    pieces = [bytes]
    const scan = scanParts(bytes, delimiter)
    if (done || scan.complete) return wholeUpload(bytes, delimiter)
    if (scan.model && !scan.sawFile) return streamedUpload(bytes, scan.model, reader, delimiter, length)
    if (size > maxBody) throw tooLarge(maxBody)
    if (scan.sawFile || bytes.length > largestSearch)
      return wholeUpload(await readOn(reader, bytes, maxBody), delimiter)
  }
}

const readOn = async (reader: Reader, begun: Buffer, maxBody: number): Promise<Buffer> => {
  const pieces: Uint8Array[] = [begun]
  let length = begun.length
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return Buffer.concat(pieces)
    length += value.length
    if (length > maxBody) throw tooLarge(maxBody)
    pieces.push(value)
  }
}

/** Parts from the start as far as the bytes go; a part whose end has not come yet has the end -1. */
function* parts(bytes: Buffer, delimiter: Buffer): Generator<Part | 'more' | 'end'> {
  let at = bytes.indexOf(delimiter.subarray(2))
  if (at < 0) return yield 'more'
  at += delimiter.length - 2
  for (;;) {
    if (isLast(bytes, at)) return yield 'end'
    const head = bytes.indexOf('\r\n\r\n', at)
    if (head < 0) {
      if (bytes.length - at > largestHead) throw headTooLong()
      return yield 'more'
    }
    const { name, file } = headOf(bytes.toString('utf8', at, head))
    const start = head + 4
    const end = bytes.indexOf(delimiter, Math.max(start - 2, 0))
    yield { name, file, start, end: end < 0 ? -1 : Math.max(end, start) }
    if (end < 0) return yield 'more'
    at = end + delimiter.length
  }
}

const scanParts = (bytes: Buffer, delimiter: Buffer): Scan => {
  for (const part of parts(bytes, delimiter)) {
    if (part === 'more') break
    if (part === 'end') return { sawFile: false, complete: true }
    if (part.file) return { sawFile: true, complete: false }
    if (part.name === 'model' && part.end >= 0) return { model: part, sawFile: false, complete: false }
  }
  return { sawFile: false, complete: false }
}

const wholeUpload = (bytes: Buffer, delimiter: Buffer): Upload => {
  const models: Part[] = []
  let complete = false
  for (const part of parts(bytes, delimiter)) {
    if (part === 'end') complete = true
    else if (part !== 'more' && part.name === 'model') models.push(part)
  }
  if (!complete) throw malformed('the form ends too early')
  if (models.length > 1) throw twice()
  const [part] = models
  return {
    model: part && bytes.toString('utf8', part.start, part.end).trim(),
    write: model => {
      const payload = part ? splice(bytes, part, model) : Buffer.concat([modelPart(delimiter, model), bytes])
      return { payload: new Uint8Array(payload), length: payload.length }
    },
  }
}

const streamedUpload = (
  bytes: Buffer,
  part: Part,
  reader: Reader,
  delimiter: Buffer,
  length: number | undefined,
): Upload => ({
  model: bytes.toString('utf8', part.start, part.end).trim(),
  write: model => {
    const first = splice(bytes, part, model)
    const guard = secondModelGuard(delimiter)
    guard(bytes.subarray(part.end))
    const payload = new ReadableStream<Uint8Array>({
      start: controller => controller.enqueue(new Uint8Array(first)),
      async pull(controller) {
        const { value, done } = await reader.read()
        if (done) return controller.close()
        guard(value)
        controller.enqueue(value)
      },
      cancel: reason => reader.cancel(reason),
    })
    return { payload, length: length === undefined ? undefined : length + first.length - bytes.length }
  },
})

/** A vendor might obey another `model` part than the one whose use we allowed. */
const secondModelGuard = (delimiter: Buffer): ((bytes: Uint8Array) => void) => {
  let tail = Buffer.alloc(0)
  let over = false
  return bytes => {
    if (over) return
    const window = Buffer.concat([tail, bytes])
    let at = window.indexOf(delimiter)
    let keep = Math.max(window.length - delimiter.length, 0)
    while (at >= 0) {
      const from = at + delimiter.length
      over = isLast(window, from)
      if (over) return
      const head = window.indexOf('\r\n\r\n', from)
      if (head < 0 && window.length - at > largestHead) throw headTooLong()
      if (head < 0) {
        keep = at
        break
      }
      if (headOf(window.toString('utf8', from, head)).name === 'model') throw twice()
      at = window.indexOf(delimiter, head)
    }
    tail = window.subarray(keep)
  }
}

const splice = (bytes: Buffer, part: Part, model: string): Buffer =>
  Buffer.concat([bytes.subarray(0, part.start), Buffer.from(model), bytes.subarray(part.end)])

/** The part itself, ending where the form's own first delimiter begins. */
const modelPart = (delimiter: Buffer, model: string): Buffer =>
  Buffer.from(`${delimiter.toString().slice(2)}\r\ncontent-disposition: form-data; name="model"\r\n\r\n${model}\r\n`)

const fieldName = /^[\w!#$%&'*+.^`|~-]+:/
const parameters = /;\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))\s*/g

/**
 * The head of a part: what stands between its delimiter and its content. A head that readers understand in different ways is refused:
 * to a vendor the part might be the model.
 */
const headOf = (head: string): { name: string; file: boolean } => {
  const [padding = '', ...fields] = head.split('\r\n')
  const dispositions = fields.filter(field => /^content-disposition:/i.test(field))
  const [disposition = ''] = dispositions
  const said = [...disposition.matchAll(parameters)].map(([, key = '', quoted, plain = '']) => ({
    key: key.toLowerCase(),
    value: quoted?.replace(/\\(.)/g, '$1') ?? plain,
  }))
  const names = said.filter(({ key }) => key === 'name' || key === 'name*')
  const isPlain = padding.trim() === '' && fields.every(field => fieldName.test(field)) && dispositions.length === 1
  const isWhole = /^content-disposition:\s*form-data\s*;?\s*$/i.test(disposition.replace(parameters, ''))
  const [name] = names
  if (!isPlain || !isWhole || names.length !== 1 || name?.key !== 'name') throw malformed('a part has an unclear head')
  return { name: name.value, file: said.some(({ key }) => key === 'filename' || key === 'filename*') }
}

const delimiterOf = (contentType: string): Buffer => {
  const boundary = /;\s*boundary=(?:"([^"]{1,70})"|([^;\s]{1,70}))/i.exec(contentType)
  if (!boundary) throw malformed('its content-type names no boundary')
  return Buffer.from(`\r\n--${boundary[1] ?? boundary[2]}`)
}

/** Two dashes behind the delimiter end the form. */
const isLast = (bytes: Buffer, at: number): boolean => bytes[at] === 45 && bytes[at + 1] === 45

const headTooLong = (): GatewayError => malformed('a part has a head of more than 16 KiB')
const malformed = (why: string): GatewayError =>
  new GatewayError('invalid_request', `the body is no multipart form: ${why}`)
const twice = (): GatewayError =>
  new GatewayError('invalid_request', 'the form names the model twice', { param: 'model' })
