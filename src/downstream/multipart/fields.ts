/** Fields of a form that an entry's `params` stand for. */
import { headAt, isLast } from './grammar.ts'

/** As the configuration says them: JSON. */
export type Params = Readonly<Record<string, unknown>>

/** A field ending where the form's own first delimiter begins. */
export const fieldPart = (delimiter: Buffer, name: string, value: string): Buffer =>
  Buffer.from(
    `${delimiter.toString().slice(2)}\r\ncontent-disposition: form-data; name="${escaped(name)}"\r\n\r\n${value}\r\n`,
  )

const escaped = (name: string): string => name.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A')

/** A list is as many fields `name[]`, as OpenAI's clients write it; an object is JSON; null is no field at all. */
export const fieldParts = (delimiter: Buffer, params: Params): Buffer =>
  Buffer.concat(
    Object.entries(params).flatMap(([name, value]) =>
      Array.isArray(value)
        ? value.map(one => fieldPart(delimiter, `${name}[]`, textOf(one)))
        : value === null
          ? []
          : fieldPart(delimiter, name, textOf(value)),
    ),
  )

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

/**
 * Takes a form piece by piece and gives it back without the fields of these names (`name[]` is `name`). What has been given back is always
 * all that is certain: the last bytes, which might begin a delimiter, come with the next piece or with the end of the form. What stands before the first field is no part
 * of the form and goes too.
 */
export const dropFields = (delimiter: Buffer, names: readonly string[]): ((bytes: Uint8Array) => Buffer) => {
  const dropped = new Set(names)
  // The first delimiter has no line before it; with one it is like all others.
  let held = Buffer.from('\r\n')
  let skip = held.length
  let dropping = true
  let over = false
  const walk = (window: Buffer, kept: Buffer[]): number => {
    for (let at = 0; ; ) {
      const end = over ? -1 : window.indexOf(delimiter, at)
      const sure = over ? window.length : end < 0 ? Math.max(window.length - delimiter.length, at) : end
      if (!dropping) kept.push(window.subarray(at, sure))
      if (end < 0 || window.length < end + delimiter.length + 2) return sure
      if (isLast(window, end + delimiter.length)) {
        dropping = false
        over = true
        at = end
        continue
      }
      const head = headAt(window, end + delimiter.length)
      if (!head) return end
      dropping = dropped.has(head.name.replace(/\[\]$/, ''))
      // The last CRLF of a head may be the first of the next delimiter: it counts as content.
      at = head.end - 2
      if (!dropping) kept.push(window.subarray(end, at))
    }
  }
  return bytes => {
    const window = Buffer.concat([held, bytes])
    const kept: Buffer[] = []
    held = window.subarray(walk(window, kept))
    const whole = Buffer.concat(kept)
    const out = whole.subarray(Math.min(skip, whole.length))
    skip -= whole.length - out.length
    return out
  }
}
