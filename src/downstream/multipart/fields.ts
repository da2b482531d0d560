/** Fields of a form that an entry's `params` stand for. */
import { isFinalDelimiter, parsePartHeaderAt } from './grammar.ts'

/** As the configuration says them: JSON. */
export type FormParams = Readonly<Record<string, unknown>>

/** A field ending where the form's own first delimiter begins. */
export const renderField = (delimiter: Buffer, name: string, value: string): Buffer =>
  Buffer.from(
    `${delimiter.toString().slice(2)}\r\ncontent-disposition: form-data; name="${escapeName(name)}"\r\n\r\n${value}\r\n`,
  )

const escapeName = (name: string): string => name.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A')

/** A list is as many fields `name[]`, as OpenAI's clients write it; an object is JSON; null is no field at all. */
export const renderFields = (delimiter: Buffer, params: FormParams): Buffer =>
  Buffer.concat(
    Object.entries(params).flatMap(([name, value]) =>
      Array.isArray(value)
        ? value.map(item => renderField(delimiter, `${name}[]`, fieldText(item)))
        : value === null
          ? []
          : renderField(delimiter, name, fieldText(value)),
    ),
  )

const fieldText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

/**
 * Takes a form piece by piece and gives it back without the fields of these names (`name[]` is `name`). What has been given back is always
 * all that is certain: the last bytes, which might begin a delimiter, come with the next piece or with the end of the form. What stands before the first field is no part
 * of the form and goes too.
 */
export const createFieldFilter = (delimiter: Buffer, names: readonly string[]): ((bytes: Uint8Array) => Buffer) => {
  const dropped = new Set(names)
  // The first delimiter has no line before it; with one it is like all others.
  let pending = Buffer.from('\r\n')
  let bytesToSkip = pending.length
  let isDropping = true
  let isFinished = false
  const filterWindow = (window: Buffer, kept: Buffer[]): number => {
    for (let at = 0; ; ) {
      const end = isFinished ? -1 : window.indexOf(delimiter, at)
      const certainEnd = isFinished ? window.length : end < 0 ? Math.max(window.length - delimiter.length, at) : end
      if (!isDropping) kept.push(window.subarray(at, certainEnd))
      if (end < 0 || window.length < end + delimiter.length + 2) return certainEnd
      if (isFinalDelimiter(window, end + delimiter.length)) {
        isDropping = false
        isFinished = true
        at = end
        continue
      }
      const header = parsePartHeaderAt(window, end + delimiter.length)
      if (!header) return end
      isDropping = dropped.has(header.name.replace(/\[\]$/, ''))
      // The last CRLF of a head may be the first of the next delimiter: it counts as content.
      at = header.end - 2
      if (!isDropping) kept.push(window.subarray(end, at))
    }
  }
  return bytes => {
    const window = Buffer.concat([pending, bytes])
    const kept: Buffer[] = []
    pending = window.subarray(filterWindow(window, kept))
    const joined = Buffer.concat(kept)
    const output = joined.subarray(Math.min(bytesToSkip, joined.length))
    bytesToSkip -= joined.length - output.length
    return output
  }
}
