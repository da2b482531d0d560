/** The grammar of a form (multipart/form-data, RFC 7578): its delimiter, the heads of its parts, and what is refused of both. */
import { GatewayError } from '../../base/errors.ts'

/** Bytes of a part's head that are read at most. */
const largestHead = 16 * 1024

/** `end` is that of the content; -1 where it has not come yet. */
export type Part = { name: string; file: boolean; start: number; end: number }

/** Parts from the start as far as the bytes go; a part whose end has not come yet has the end -1. */
export function* parts(bytes: Buffer, delimiter: Buffer): Generator<Part | 'more' | 'end'> {
  let at = bytes.indexOf(delimiter.subarray(2))
  if (at < 0) return yield 'more'
  at += delimiter.length - 2
  if (bytes[at] === lineFeed) throw malformed('its lines end in LF alone, where a form has CRLF')
  for (;;) {
    if (isLast(bytes, at)) return yield 'end'
    const head = headAt(bytes, at)
    if (!head) return yield 'more'
    const { name, file, end: start } = head
    const end = bytes.indexOf(delimiter, Math.max(start - 2, 0))
    yield { name, file, start, end: end < 0 ? -1 : Math.max(end, start) }
    if (end < 0) return yield 'more'
    at = end + delimiter.length
  }
}

const lineFeed = 10

/** The head that begins at `at`, behind a delimiter, and where it ends; undefined while it is not whole. */
export const headAt = (bytes: Buffer, at: number): { name: string; file: boolean; end: number } | undefined => {
  const end = bytes.indexOf('\r\n\r\n', at)
  if (end >= 0) return { ...headOf(bytes.toString('utf8', at, end)), end: end + 4 }
  if (bytes.length - at > largestHead) throw malformed('a part has a head of more than 16 KiB')
  return
}

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

/** What stands before every part but the first, its CRLF included. @throws GatewayError where the content-type names no boundary. */
export const delimiterOf = (contentType: string): Buffer => {
  const boundary = /;\s*boundary=(?:"([^"]{1,70})"|([^;\s]{1,70}))/i.exec(contentType)
  if (!boundary) throw malformed('its content-type names no boundary')
  return Buffer.from(`\r\n--${boundary[1] ?? boundary[2]}`)
}

/** Two dashes behind the delimiter end the form. */
export const isLast = (bytes: Buffer, at: number): boolean => bytes[at] === 45 && bytes[at + 1] === 45

export const malformed = (why: string): GatewayError =>
  new GatewayError('invalid_request', `the body is no multipart form: ${why}`)
export const twice = (): GatewayError =>
  new GatewayError('invalid_request', 'the form names the model twice', { param: 'model' })
