/** JSON values, and a scanner that finds the top-level members of JSON text without building the values. */

import { jsonExcess } from './measure.ts'

export type Json = string | number | boolean | null | Json[] | JsonObject
export type JsonObject = { [key: string]: Json | undefined }

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A range of the text: `text.slice(start, end)` is the value. */
export type Span = { start: number; end: number }

/**
 * The elements of a list that are objects; empty if `value` is not a list. A list of objects only is returned
 * unchanged.
 */
export const objectsIn = (value: unknown): readonly JsonObject[] => {
  if (!Array.isArray(value)) return []
  return value.every(isObject) ? value : value.filter(isObject)
}

/** The value if it is a string. */
export const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** The value if it is a count: a safe integer, 0 or more. */
export const countOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined

/** Parses JSON. Undefined if `text` is not valid JSON, or is nested more than `maxDepth` levels deep. */
export const parseJson = (text: string): Json | undefined => {
  if (jsonExcess(text) !== undefined) return undefined
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

/** A member of the outermost object: `text.slice(start, end)` is the value, `keyStart` is the offset of its key. */
type MemberSpan = Span & { keyStart: number }
/**
 * `openBrace` is the offset of the `{`. `exact`: no key is duplicated or contains escapes, so a lookup by name is
 * reliable.
 */
export type TopLevelMembers = { members: MemberList; openBrace: number; exact: boolean }

/** Objects have few keys, and searching a list is cheaper than building a map. Above this number of keys a map is built. */
const maxLinearKeys = 32

/** The members in the order of the text. */
class MemberList {
  #keys: string[] = []
  /** Three numbers for each member: the offsets of its key, of the start of its value and of the end of its value. */
  #offsets: number[] = []
  /** The index of the last member of each name. */
  #indexes: Map<string, number> | undefined

  /** The keys as written, duplicates included. */
  get keys(): readonly string[] {
    return this.#keys
  }

  get size(): number {
    return this.#keys.length
  }

  /** The last member of this name if the key is duplicated, as JSON.parse does. */
  get(key: string): MemberSpan | undefined {
    const index = this.#indexes ? (this.#indexes.get(key) ?? -1) : this.#keys.lastIndexOf(key)
    return index < 0 ? undefined : this.at(index)
  }

  /** The member at a position from 0 to `size` - 1. */
  at(index: number): MemberSpan {
    const offset = index * 3
    return { keyStart: this.#offsets[offset]!, start: this.#offsets[offset + 1]!, end: this.#offsets[offset + 2]! }
  }

  /** Returns true if the key was already present. */
  add(key: string, at: number, start: number, end: number): boolean {
    const isDuplicate = this.#has(key)
    this.#keys.push(key)
    this.#offsets.push(at, start, end)
    return isDuplicate
  }

  #has(key: string): boolean {
    if (this.#keys.length < maxLinearKeys) return this.#keys.includes(key)
    this.#indexes ??= new Map(this.#keys.map((known, index) => [known, index]))
    const isDuplicate = this.#indexes.has(key)
    this.#indexes.set(key, this.#keys.length)
    return isDuplicate
  }
}

/**
 * Finds the top-level members of the JSON object in `text` without building it. Strings are skipped and nothing
 * recurses. Undefined if `text` is not an object or the object is not closed. The contents of the values are not
 * validated.
 */
export const scanTopLevel = (text: string): TopLevelMembers | undefined => {
  const openBrace = skipSpace(text, 0)
  if (text.charCodeAt(openBrace) !== BRACE) return undefined
  const members = new MemberList()
  let exact = true
  let keyStart = skipSpace(text, openBrace + 1)
  if (text.charCodeAt(keyStart) === END_BRACE)
    return skipSpace(text, keyStart + 1) === text.length ? { members, openBrace, exact } : undefined
  for (;;) {
    if (text.charCodeAt(keyStart) !== QUOTE) return undefined
    const keyEnd = stringEnd(text, keyStart)
    const colon = skipSpace(text, keyEnd)
    if (keyEnd < 0 || text.charCodeAt(colon) !== COLON) return undefined
    const key = text.slice(keyStart + 1, keyEnd - 1)
    const start = skipSpace(text, colon + 1)
    const end = valueEnd(text, start)
    if (end <= start) return undefined
    if (members.add(key, keyStart, start, end) || key.includes('\\')) exact = false
    const next = skipSpace(text, end)
    const delimiter = text.charCodeAt(next)
    if (delimiter === END_BRACE)
      return skipSpace(text, next + 1) === text.length ? { members, openBrace, exact } : undefined
    if (delimiter !== COMMA) return undefined
    keyStart = skipSpace(text, next + 1)
  }
}

/** Replaces a range of a text by `newText`; `start === end` inserts. */
export type TextEdit = Span & { newText: string }

/** Applies all edits to the text. The edits may be in any order but must not overlap. */
export const applyEdits = (text: string, edits: readonly TextEdit[]): string => {
  if (edits.length === 1) {
    const { start, end, newText } = edits[0]!
    return text.slice(0, start) + newText + text.slice(end)
  }
  let result = ''
  let from = 0
  for (const { start, end, newText } of [...edits].sort((left, right) => left.start - right.start)) {
    result += text.slice(from, start) + newText
    from = end
  }
  return result + text.slice(from)
}

/** An edit that inserts a new first member into the object that opens at `openBrace`. */
export const insertionEdit = ({ members, openBrace }: TopLevelMembers, key: string, value: string): TextEdit => ({
  start: openBrace + 1,
  end: openBrace + 1,
  newText: `${JSON.stringify(key)}:${value}${members.size > 0 ? ',' : ''}`,
})

/**
 * Sets members of the outermost object, and removes those whose new value is undefined. The rest of the text is
 * unchanged. Undefined if `text` is not an object or a key is duplicated or escaped, because members cannot be found by
 * name then.
 */
export const withMembers = (text: string, change: JsonObject): string | undefined => {
  const found = scanTopLevel(text)
  if (!found?.exact) return undefined
  const { members, openBrace } = found
  const kept = members.keys.map(key => !Object.hasOwn(change, key) || change[key] !== undefined)
  const edits: TextEdit[] = []
  const added: string[] = []
  for (const [key, value] of Object.entries(change)) {
    if (value === undefined) continue
    const existing = members.get(key)
    const newText = JSON.stringify(value)
    if (existing) edits.push({ start: existing.start, end: existing.end, newText })
    else added.push(`${JSON.stringify(key)}:${newText}`)
  }
  const comma = added.length > 0 && kept.includes(true) ? ',' : ''
  const insertedFirst = { start: openBrace + 1, end: openBrace + 1, newText: added.join(',') + comma }
  return applyEdits(text, [insertedFirst, ...edits, ...removalEdits(found, kept)])
}

/** A removed member takes the comma that follows it. Removed members at the end take the comma before them. */
const removalEdits = ({ members, openBrace }: TopLevelMembers, kept: readonly boolean[]): TextEdit[] => {
  const spans = members.keys.map((_, index) => members.at(index))
  const last = kept.lastIndexOf(true)
  const edits = spans
    .slice(0, last + 1)
    .flatMap(({ keyStart }, index) =>
      kept[index] ? [] : [{ start: keyStart, end: spans[index + 1]!.keyStart, newText: '' }],
    )
  const end = spans.at(-1)?.end
  if (end === undefined || last === spans.length - 1) return edits
  return [...edits, { start: spans[last]?.end ?? openBrace + 1, end, newText: '' }]
}

const QUOTE = 34
const COMMA = 44
const COLON = 58
const BACKSLASH = 92
const BRACKET = 91
const END_BRACKET = 93
const BRACE = 123
const END_BRACE = 125

const isSpace = (code: number): boolean => code === 32 || code === 10 || code === 13 || code === 9

const skipSpace = (text: string, from: number): number => {
  let at = from
  while (isSpace(text.charCodeAt(at))) at++
  return at
}

/** Given the offset of an opening quote, returns the offset just after the closing quote, or -1 if there is none. */
export const stringEnd = (text: string, from: number): number => {
  let quote = text.indexOf('"', from + 1)
  while (quote >= 0) {
    let slash = quote - 1
    while (text.charCodeAt(slash) === BACKSLASH) slash--
    if ((quote - slash) % 2 === 1) return quote + 1
    quote = text.indexOf('"', quote + 1)
  }
  return -1
}

/** The offset just after the value that begins at `start`, or -1 if the value does not end. */
export const valueEnd = (text: string, start: number): number => {
  const first = text.charCodeAt(start)
  if (first === QUOTE) return stringEnd(text, start)
  if (first === BRACE || first === BRACKET) return nestedEnd(text, start)
  let at = start
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === COMMA || code === END_BRACE || code === END_BRACKET || isSpace(code)) break
  }
  return at
}

const nestedEnd = (text: string, start: number): number => {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = stringEnd(text, at) - 1
      if (at < 0) return -1
    } else if (code === BRACE || code === BRACKET) depth++
    else if ((code === END_BRACE || code === END_BRACKET) && --depth === 0) return at + 1
  }
  return -1
}

/** Replaces the member at the end of `path` by `newText`; every other character is unchanged. */
export const replaceAtPath = (text: string, [name = '', ...path]: readonly string[], newText: string): string => {
  const span = scanTopLevel(text)?.members.get(name)
  if (span === undefined) return text
  const inner = path.length === 0 ? newText : replaceAtPath(text.slice(span.start, span.end), path, newText)
  return applyEdits(text, [{ start: span.start, end: span.end, newText: inner }])
}
