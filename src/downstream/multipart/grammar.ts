/**
 * The grammar of a form (multipart/form-data, RFC 7578): the delimiter, the headers of the parts, and what is refused.
 */
import { GatewayError } from '../../base/errors.ts'

/** Maximum bytes of a part's header. */
const maxHeaderBytes = 16 * 1024

/** One part. `start` and `end` are the offsets of its content; `end` is -1 if it has not arrived yet. */
export type FormPart = { name: string; isFile: boolean; start: number; end: number }

/**
 * Yields the parts as far as the bytes go. The `end` of an incomplete last part is -1.
 * @throws GatewayError `invalid_request` if the form is malformed
 */
export function* parseParts(bytes: Buffer, delimiter: Buffer): Generator<FormPart | 'more' | 'end'> {
  let at = bytes.indexOf(delimiter.subarray(2))
  if (at < 0) return yield 'more'
  at += delimiter.length - 2
  if (bytes[at] === lineFeed) throw malformedForm('its lines end in LF alone, where a form has CRLF')
  for (;;) {
    if (isFinalDelimiter(bytes, at)) return yield 'end'
    const header = parsePartHeaderAt(bytes, at)
    if (!header) return yield 'more'
    const { name, isFile, end: start } = header
    const end = bytes.indexOf(delimiter, Math.max(start - 2, 0))
    yield { name, isFile, start, end: end < 0 ? -1 : Math.max(end, start) }
    if (end < 0) return yield 'more'
    at = end + delimiter.length
  }
}

const lineFeed = 10

/**
 * Parses the header of a part at offset `at`, which is just behind a delimiter. Returns undefined if the header is
 * incomplete.
 * @throws GatewayError `invalid_request` if the header is too large or ambiguous
 */
export const parsePartHeaderAt = (
  bytes: Buffer,
  at: number,
): { name: string; isFile: boolean; end: number } | undefined => {
  const end = bytes.indexOf('\r\n\r\n', at)
  if (end >= 0) return { ...parsePartHeader(bytes.toString('utf8', at, end)), end: end + 4 }
  if (bytes.length - at > maxHeaderBytes) throw malformedForm('a part has a head of more than 16 KiB')
  return
}

const fieldNamePattern = /^[\w!#$%&'*+.^`|~-]+:/
const parameterPattern = /;\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))\s*/g

/**
 * Parses the header of a part: everything between its delimiter and its content. A header that parsers understand
 * differently is refused, because a vendor might read the part as the model.
 */
const parsePartHeader = (header: string): { name: string; isFile: boolean } => {
  const [padding = '', ...fields] = header.split('\r\n')
  const dispositions = fields.filter(field => /^content-disposition:/i.test(field))
  const [disposition = ''] = dispositions
  const parameters = [...disposition.matchAll(parameterPattern)].map(([, key = '', quoted, plain = '']) => ({
    key: key.toLowerCase(),
    value: quoted?.replace(/\\(.)/g, '$1') ?? plain,
  }))
  const names = parameters.filter(({ key }) => key === 'name' || key === 'name*')
  const hasPlainFields =
    padding.trim() === '' && fields.every(field => fieldNamePattern.test(field)) && dispositions.length === 1
  const isWellFormed = /^content-disposition:\s*form-data\s*;?\s*$/i.test(disposition.replace(parameterPattern, ''))
  const [name] = names
  if (!hasPlainFields || !isWellFormed || names.length !== 1 || name?.key !== 'name')
    throw malformedForm('a part has an unclear head')
  return { name: name.value, isFile: parameters.some(({ key }) => key === 'filename' || key === 'filename*') }
}

/**
 * The delimiter before every part but the first, including its CRLF.
 * @throws GatewayError `invalid_request` if the content type names no boundary
 */
export const delimiterOf = (contentType: string): Buffer => {
  const boundary = /;\s*boundary=(?:"([^"]{1,70})"|([^;\s]{1,70}))/i.exec(contentType)
  if (!boundary) throw malformedForm('its content-type names no boundary')
  return Buffer.from(`\r\n--${boundary[1] ?? boundary[2]}`)
}

/** Two dashes after the delimiter end the form. */
export const isFinalDelimiter = (bytes: Buffer, at: number): boolean => bytes[at] === 45 && bytes[at + 1] === 45

export const malformedForm = (reason: string): GatewayError =>
  new GatewayError('invalid_request', `the body is no multipart form: ${reason}`)
export const duplicateModel = (): GatewayError =>
  new GatewayError('invalid_request', 'the form names the model twice', { param: 'model' })
