/**
 * The grammar of a form (multipart/form-data, RFC 7578): the delimiter, the headers of the parts, and what is refused.
 */
import { GatewayError } from '../../base/errors.ts'
import { tooManyItems } from '../max-items.ts'

/** Maximum bytes of a part's header. */
const maxHeaderBytes = 16 * 1024

/** One part. `start` and `end` are the offsets of its content; `end` is -1 if it has not arrived yet. */
export type FormPart = { name: string; isFile: boolean; start: number; end: number }

/**
 * Yields the parts as far as the bytes go. The `end` of an incomplete last part is -1.
 * @throws GatewayError `invalid_request` if the form is malformed, or has more than `maxParts` parts
 */
export function* parseParts(
  bytes: Buffer,
  delimiter: Buffer,
  maxParts = Number.POSITIVE_INFINITY,
): Generator<FormPart | 'more' | 'end'> {
  let count = 0
  let at = bytes.indexOf(delimiter.subarray(2))
  if (at < 0) return yield 'more'
  at += delimiter.length - 2
  if (bytes[at] === lineFeed) throw malformedForm('its lines end in LF alone, where a form has CRLF')
  for (;;) {
    if (isFinalDelimiter(bytes, at)) return yield 'end'
    const header = parsePartHeaderAt(bytes, at)
    if (!header) return yield 'more'
    if (++count > maxParts) throw tooManyItems('form_fields', 'the form', count, maxParts)
    const { name, isFile, end: start } = header
    const end = bytes.indexOf(delimiter, Math.max(start - 2, 0))
    yield { name, isFile, start, end: end < 0 ? -1 : Math.max(end, start) }
    if (end < 0) return yield 'more'
    at = end + delimiter.length
  }
}

const lineFeed = 10

/** `hasCharset`: a vendor may decode the content in another character set. */
export type PartHeader = { name: string; isFile: boolean; hasCharset: boolean }

/**
 * Parses the header of a part at offset `at`, which is just behind a delimiter. Returns undefined if the header is
 * incomplete.
 * @throws GatewayError `invalid_request` if the header is too large or ambiguous
 */
export const parsePartHeaderAt = (bytes: Buffer, at: number): (PartHeader & { end: number }) | undefined => {
  const end = bytes.indexOf('\r\n\r\n', at)
  if (end > at + maxHeaderBytes) throw headerTooLarge()
  if (end >= 0) return { ...parsePartHeader(bytes.toString('utf8', at, end)), end: end + 4 }
  if (bytes.length - at > maxHeaderBytes) throw headerTooLarge()
  return
}

const headerTooLarge = (): GatewayError => malformedForm('a part has a head of more than 16 KiB')

/** One line without line breaks or controls of its own. */
const fieldPattern = /^[\w!#$%&'*+.^`|~-]+:[^\0\r\n]*$/
/** A name that has one reading: no escapes, no encoded words. */
const plainNamePattern = /^(?!=\?)[^\\%"\p{C}]+$/u
const parameterPattern = /;\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))\s*/g

/**
 * Parses the header of a part: everything between its delimiter and its content. A header that parsers understand
 * differently is refused, because a vendor might read the part as the model.
 */
const parsePartHeader = (header: string): PartHeader => {
  const [padding = '', ...fields] = header.split('\r\n')
  const dispositions = fields.filter(field => /^content-disposition:/i.test(field))
  const [disposition = ''] = dispositions
  const parameters = [...disposition.matchAll(parameterPattern)].map(([, key = '', quoted, plain = '']) => ({
    key: key.toLowerCase(),
    value: quoted?.replace(/\\(.)/g, '$1') ?? plain,
  }))
  const names = parameters.filter(({ key }) => key === 'name' || key === 'name*')
  const hasPlainFields = padding === '' && fields.every(field => fieldPattern.test(field)) && dispositions.length === 1
  const isWellFormed = /^content-disposition:\s*form-data\s*;?\s*$/i.test(disposition.replace(parameterPattern, ''))
  const [name] = names
  if (!hasPlainFields || !isWellFormed || names.length !== 1 || name?.key !== 'name' || isEncoded(fields))
    throw malformedForm('a part has an unclear head')
  if (!plainNamePattern.test(name.value) || name.value === '_charset_')
    throw malformedForm('a part has an unclear name')
  return {
    name: name.value,
    isFile: parameters.some(({ key }) => key === 'filename' || key === 'filename*'),
    hasCharset: fields.some(field => /^content-type:.*charset\s*=(?!\s*"?(?:utf-8|us-ascii)"?\s*(?:;|$))/i.test(field)),
  }
}

/** Whether the content of a part is encoded. Some parsers decode it, others do not (RFC 7578, 4.7). */
const isEncoded = (fields: readonly string[]): boolean =>
  fields.some(field => /^content-transfer-encoding:(?!\s*(?:7bit|8bit|binary)\s*$)/i.test(field))

/**
 * The delimiter before every part but the first, including its CRLF.
 * @throws GatewayError `invalid_request` if the content type names no boundary, or not exactly one
 */
export const delimiterOf = (contentType: string): Buffer => {
  const [, quoted, plain] = boundaryPattern.exec(contentType) ?? []
  const boundary = quoted ?? plain
  if (boundary === undefined)
    throw malformedForm(
      /boundary/i.test(contentType)
        ? 'its content-type must have the one parameter `boundary`'
        : 'its content-type names no boundary',
    )
  return Buffer.from(`\r\n--${boundary}`)
}

/** The content type of a form in the one way that every parser reads alike. */
export const contentTypeOf = (delimiter: Buffer): string => {
  const boundary = delimiter.toString('latin1').slice('\r\n--'.length)
  return `multipart/form-data; boundary=${/^[\w'+.-]+$/.test(boundary) ? boundary : `"${boundary}"`}`
}

/**
 * A content type with one boundary of the characters that RFC 2046 allows. It may also name the character set UTF-8.
 * Parsers differ in which of two boundaries they take.
 */
const boundaryPattern =
  /^multipart\/form-data(?:\s*;\s*charset="?utf-8"?)?\s*;\s*boundary=(?:"([\w'()+,./:=? -]{0,69}[\w'()+,./:=?-])"|([\w'()+,./:=?-]{1,70}))(?:\s*;\s*charset="?utf-8"?)?\s*;?\s*$/i

/** Two dashes after the delimiter end the form. */
export const isFinalDelimiter = (bytes: Buffer, at: number): boolean => bytes[at] === 45 && bytes[at + 1] === 45

export const malformedForm = (reason: string): GatewayError =>
  new GatewayError('invalid_request', `the body is no multipart form: ${reason}`)
export const duplicateModel = (): GatewayError =>
  new GatewayError('invalid_request', 'the form names the model twice', { param: 'model' })
