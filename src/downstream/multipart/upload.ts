/**
 * An upload (multipart/form-data). The gateway rewrites only the `model` field, and refuses
 * what a vendor may read differently (see `guard`). If that field comes before
 * the first file, the remainder
 * is streamed as it arrives; otherwise the whole form is buffered, up to `max_body`.
 */
import type { Payload } from '../../upstream/call.ts'
import { BodyBuffer, tooLarge } from '../body-buffer.ts'
import { refuseCompressed } from '../json-body.ts'
import { createFieldFilter, type FormParams, renderField, renderFields } from './fields.ts'
import { contentTypeOf, delimiterOf, duplicateModel, type FormPart, malformedForm, parseParts } from './grammar.ts'
import { createFormGuard, type FieldCheck, type FormGuard } from './guard.ts'

export type Upload = {
  /** The content type of the body that `write` returns. */
  contentType: string
  /** The model as the client named it; undefined if the form does not name one. */
  model: string | undefined
  /**
   * The body with another model, and with `params` instead of the fields they replace. Can be called only once if the
   * upload is streamed.
   */
  write: (model: string, params?: FormParams) => { payload: Payload; length: number | undefined }
}

type Scan = { model?: FormPart; hasFile: boolean; isComplete: boolean }
type BodyReader = ReadableStreamDefaultReader<Uint8Array>

/** Bytes that are searched for the model while they arrive; a longer form is buffered first. */
const maxSearchBytes = 1024 * 1024
export const isMultipart = (headers: Headers): boolean =>
  headers.get('content-type')?.toLowerCase().startsWith('multipart/form-data') === true

/**
 * Reads an upload as far as needed to find its model.
 * @param checkField called with the name of each field; of a streamed upload, as the fields arrive
 * @throws GatewayError `invalid_request` if the body is not a form, names the model twice or has more than `maxFields`
 * fields; `too_large`
 */
export const readUpload = async (
  request: Request,
  maxBody: number,
  checkField: FieldCheck = () => undefined,
  maxFields = Number.POSITIVE_INFINITY,
): Promise<Upload> => {
  refuseCompressed(request.headers)
  const delimiter = delimiterOf(request.headers.get('content-type') ?? '')
  if (request.body === null) throw malformedForm('the body is empty')
  const guard = createFormGuard(delimiter, checkField)
  const reader = request.body.getReader()
  const contentLength = request.headers.get('content-length')
  const length = contentLength === null ? undefined : Number(contentLength)
  try {
    return await findModel({ reader, delimiter, guard, length }, maxBody, maxFields)
  } catch (thrown) {
    // What follows a form that is refused is dropped by `respondUnread`.
    reader.releaseLock()
    throw thrown
  }
}

const findModel = async (form: StreamedForm, maxBody: number, maxFields: number): Promise<Upload> => {
  const { reader, delimiter, guard } = form
  let chunks: Uint8Array[] = []
  let bytesRead = 0
  let nextScanAt = 0
  for (;;) {
    const { value, done } = await reader.read()
    if (value) {
      chunks.push(value)
      bytesRead += value.length
    }
    if (!done && bytesRead < nextScanAt) continue
    // Rescan only after an eighth more has arrived: a form that arrives in tiny chunks is not scanned for each of them.
    nextScanAt = bytesRead + Math.max(bytesRead >> 3, 64)
    const bytes = Buffer.concat(chunks)
    chunks = [bytes]
    const scan = scanParts(bytes, delimiter, maxFields)
    if (done || scan.isComplete) return bufferedUpload(bytes, delimiter, guard, maxFields)
    if (scan.model && !scan.hasFile) return streamedUpload(bytes, scan.model, form)
    if (bytesRead > maxBody) throw tooLarge(maxBody)
    if (scan.hasFile || bytes.length > maxSearchBytes)
      return bufferedUpload(await readRemaining(reader, bytes, maxBody), delimiter, guard, maxFields)
  }
}

const readRemaining = async (reader: BodyReader, firstBytes: Buffer, maxBody: number): Promise<Buffer> => {
  const buffer = new BodyBuffer(maxBody)
  buffer.add(firstBytes)
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return buffer.join()
    buffer.add(value)
  }
}

const scanParts = (bytes: Buffer, delimiter: Buffer, maxFields: number): Scan => {
  for (const part of parseParts(bytes, delimiter, maxFields)) {
    if (part === 'more') break
    if (part === 'end') return { hasFile: false, isComplete: true }
    if (part.isFile) return { hasFile: true, isComplete: false }
    if (part.name === 'model' && part.end >= 0) return { model: part, hasFile: false, isComplete: false }
  }
  return { hasFile: false, isComplete: false }
}

const bufferedUpload = (bytes: Buffer, delimiter: Buffer, guard: FormGuard, maxFields: number): Upload => {
  guard(bytes)
  const models: FormPart[] = []
  let isComplete = false
  for (const part of parseParts(bytes, delimiter, maxFields)) {
    if (part === 'end') isComplete = true
    else if (part !== 'more' && part.name === 'model') models.push(part)
  }
  if (!isComplete) throw malformedForm('the form ends too early')
  if (models.length > 1) throw duplicateModel()
  const [part] = models
  return {
    contentType: contentTypeOf(delimiter),
    model: part && bytes.toString('utf8', part.start, part.end).trim(),
    write: (model, params = {}) => {
      const withModel = part
        ? replaceModel(bytes, part, model)
        : Buffer.concat([renderField(delimiter, 'model', model), withoutPreamble(bytes, delimiter)])
      const payload = withParams(withModel, delimiter, params)
      return { payload: new Uint8Array(payload), length: payload.length }
    },
  }
}

/** Drops what comes before the first delimiter: after an inserted field it would become part of that field. */
const withoutPreamble = (bytes: Buffer, delimiter: Buffer): Buffer =>
  bytes.subarray(bytes.indexOf(delimiter.subarray(2)))

/** A buffered form with `params` before its first part, and without the fields they replace. */
const withParams = (bytes: Buffer, delimiter: Buffer, params: FormParams): Buffer => {
  const names = Object.keys(params)
  return names.length === 0
    ? bytes
    : Buffer.concat([renderFields(delimiter, params), createFieldFilter(delimiter, names)(bytes)])
}

type StreamedForm = { reader: BodyReader; delimiter: Buffer; guard: FormGuard; length: number | undefined }

/** The guard ends the vendor's request as soon as a later chunk is unclear. */
const streamedUpload = (bytes: Buffer, part: FormPart, form: StreamedForm): Upload => {
  const { reader, delimiter, guard, length } = form
  guard(bytes)
  return {
    contentType: contentTypeOf(delimiter),
    model: bytes.toString('utf8', part.start, part.end).trim(),
    write: (model, params = {}) => {
      const names = Object.keys(params)
      const rewritten = replaceModel(bytes, part, model)
      const filterFields = names.length > 0 ? createFieldFilter(delimiter, names) : undefined
      const firstChunk = filterFields
        ? Buffer.concat([renderFields(delimiter, params), filterFields(rewritten)])
        : rewritten
      const payload = new ReadableStream<Uint8Array>({
        start: controller => controller.enqueue(new Uint8Array(firstChunk)),
        async pull(controller) {
          const { value, done } = await reader.read()
          if (done) return controller.close()
          guard(value)
          controller.enqueue(filterFields ? new Uint8Array(filterFields(value)) : value)
        },
        cancel: reason => reader.cancel(reason),
      })
      const isLengthKnown = length !== undefined && !filterFields
      return { payload, length: isLengthKnown ? length + firstChunk.length - bytes.length : undefined }
    },
  }
}

const replaceModel = (bytes: Buffer, part: FormPart, model: string): Buffer =>
  Buffer.concat([bytes.subarray(0, part.start), Buffer.from(model), bytes.subarray(part.end)])
