/** Gathers from a vendor's error body, of any shape, what the classifier reads. */
import { isObject, type Json, type JsonObject, parseJson, textOf } from '../../../base/json/json.ts'
import type { FailureReport } from './classify.ts'

const codeFields = ['code', 'error_code', 'type', 'error_type', 'status', 'status_code', 'reason'] as const
const wordFields = ['message', 'msg', 'error_msg', 'status_msg', 'detail', 'title', 'description', 'quotaId'] as const
/** Members that hold an error, or more about it. `raw` is the text of another vendor's answer (OpenRouter). */
const nestedFields = ['error', 'errors', 'base_resp', 'metadata', 'innererror', 'details', 'violations', 'raw'] as const

/** Deeper levels and further members are not about the reason. */
const maxDepth = 5
const maxObjects = 20

class ReportBuilder {
  readonly codes: string[] = []
  readonly words: string[] = []
  param: string | undefined
  #objects = 0

  /** Reads an object, then what it nests. Text that is JSON counts as JSON. */
  add(value: Json | undefined, depth = 0): void {
    const body = typeof value === 'string' ? (parseJson(value) ?? value) : value
    if (typeof body === 'string') this.words.push(body)
    if (Array.isArray(body)) for (const one of body.slice(0, maxObjects)) this.add(one, depth)
    if (!isObject(body) || depth > maxDepth || this.#objects++ >= maxObjects) return
    for (const field of nestedFields) if (body[field] !== undefined) this.add(body[field], depth + 1)
    this.#addFields(body)
  }

  #addFields(body: JsonObject): void {
    for (const field of codeFields) {
      const code = typeof body[field] === 'number' ? String(body[field]) : textOf(body[field])
      if (code !== undefined && code !== '' && code.length <= 100) this.codes.push(code)
    }
    for (const field of wordFields) {
      const words = body[field]
      if (typeof words === 'string' && words !== '') this.words.push(words)
    }
    this.param ??= textOf(body.param)
  }
}

/** @param text the body as text, read if it is not JSON */
export const reportOf = (
  status: number,
  body: Json | undefined,
  text: string,
  vendorCodes: FailureReport['vendorCodes'],
): FailureReport => {
  const builder = new ReportBuilder()
  const choices = isObject(body) && Array.isArray(body.choices) ? body.choices.filter(isObject) : []
  for (const choice of choices) builder.add(choice.error)
  builder.add(body ?? (/^\s*</.test(text) ? '' : text))
  const { codes, words, param } = builder
  return { status, codes, words: words.join(' · '), vendorCodes, param }
}
