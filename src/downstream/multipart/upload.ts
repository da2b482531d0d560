/**
 * An upload (multipart/form-data) of which only the `model` part is ours to read and to rewrite. If it stands before the first file the rest
 * is streamed as it comes; else the whole is read, up to `max_body`.
 */
import type { Payload } from '../../upstream/call.ts'
import { refuseCompressed, tooLarge } from '../json-body.ts'
import { dropFields, fieldPart, fieldParts, type Params } from './fields.ts'
import { delimiterOf, headAt, isLast, malformed, type Part, parts, twice } from './grammar.ts'

export type Upload = {
  /** As the client named it. */
  model: string | undefined
  /** The body with another model and `params` in place of fields of their names; can be asked for once where it is streamed. */
  write: (model: string, params?: Params) => { payload: Payload; length: number | undefined }
}

type Scan = { model?: Part; sawFile: boolean; complete: boolean }
type Reader = ReadableStreamDefaultReader<Uint8Array>

/** Bytes that are searched for the model as they come in; after that many the whole is read first. */
const largestSearch = 1024 * 1024
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
    write: (model, params = {}) => {
      const named = part
        ? splice(bytes, part, model)
        : Buffer.concat([fieldPart(delimiter, 'model', model), formIn(bytes, delimiter)])
      const payload = withParams(named, delimiter, params)
      return { payload: new Uint8Array(payload), length: payload.length }
    },
  }
}

/** Without what stands before the first delimiter: behind a field put in front it would be of that field. */
const formIn = (bytes: Buffer, delimiter: Buffer): Buffer => bytes.subarray(bytes.indexOf(delimiter.subarray(2)))

/** A whole form with `params` before its first part, and without the fields they stand for. */
const withParams = (bytes: Buffer, delimiter: Buffer, params: Params): Buffer => {
  const names = Object.keys(params)
  return names.length === 0
    ? bytes
    : Buffer.concat([fieldParts(delimiter, params), dropFields(delimiter, names)(bytes)])
}

const streamedUpload = (
  bytes: Buffer,
  part: Part,
  reader: Reader,
  delimiter: Buffer,
  length: number | undefined,
): Upload => ({
  model: bytes.toString('utf8', part.start, part.end).trim(),
  write: (model, params = {}) => {
    const names = Object.keys(params)
    const head = splice(bytes, part, model)
    const guard = secondModelGuard(delimiter)
    guard(bytes.subarray(part.end))
    const drop = names.length > 0 ? dropFields(delimiter, names) : undefined
    const first = drop ? Buffer.concat([fieldParts(delimiter, params), drop(head)]) : head
    const payload = new ReadableStream<Uint8Array>({
      start: controller => controller.enqueue(new Uint8Array(first)),
      async pull(controller) {
        const { value, done } = await reader.read()
        if (done) return controller.close()
        guard(value)
        controller.enqueue(drop ? new Uint8Array(drop(value)) : value)
      },
      cancel: reason => reader.cancel(reason),
    })
    return { payload, length: length === undefined || drop ? undefined : length + first.length - bytes.length }
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
      const head = headAt(window, from)
      if (!head) {
        keep = at
        break
      }
      if (head.name === 'model') throw twice()
      at = window.indexOf(delimiter, head.end - 4)
    }
    tail = window.subarray(keep)
  }
}

const splice = (bytes: Buffer, part: Part, model: string): Buffer =>
  Buffer.concat([bytes.subarray(0, part.start), Buffer.from(model), bytes.subarray(part.end)])
