/** JSON as values, and the one scanner that finds a top-level value in JSON text without rebuilding it. */

export type Json = string | number | boolean | null | Json[] | JsonObject
export type JsonObject = { [key: string]: Json | undefined }

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Where a value stands in the text: `text.slice(start, end)` is the value itself. */
export type Span = { start: number; end: number }

/** Those of a list that are objects; none where it is no list. A list of nothing else is handed back itself. */
export const objectsIn = (value: unknown): readonly JsonObject[] =>
  !Array.isArray(value) ? [] : value.every(isObject) ? value : value.filter(isObject)

/** The value if it is a string. */
export const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** The value if it is a count: a whole number from 0. */
export const countOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined

/** JSON, or undefined where the text is none. */
export const parseJson = (text: string): Json | undefined => {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

/** A member of the outermost object: `text.slice(start, end)` is its value, `at` where its key begins. */
export type Member = Span & { at: number }
/** `exact`: no key is there twice or written with escapes, so that a member found by name is the member. */
export type Members = { members: MemberList; open: number; exact: boolean }

/** Keys are few: a list that is searched is cheaper to make than a map. Past this many a set tells double ones. */
const fewKeys = 32

/** The members in the order of the text. */
export class MemberList {
  #keys: string[] = []
  /** Three numbers a member: where its key begins, where its value begins, where that ends. */
  #places: number[] = []
  #known: Set<string> | undefined

  /** As written, double ones too. */
  get keys(): readonly string[] {
    return this.#keys
  }

  get size(): number {
    return this.#keys.length
  }

  /** Of double keys the last, as JSON.parse has it. */
  get(key: string): Member | undefined {
    const index = this.#keys.lastIndexOf(key)
    if (index < 0) return undefined
    const place = index * 3
    return { at: this.#places[place]!, start: this.#places[place + 1]!, end: this.#places[place + 2]! }
  }

  /** True if the key was there already. */
  add(key: string, at: number, start: number, end: number): boolean {
    const double = this.#has(key)
    this.#keys.push(key)
    this.#places.push(at, start, end)
    return double
  }

  #has(key: string): boolean {
    if (this.#keys.length < fewKeys) return this.#keys.includes(key)
    this.#known ??= new Set(this.#keys)
    const double = this.#known.has(key)
    this.#known.add(key)
    return double
  }
}

/**
 * The top-level members of a JSON object in `text`, found without building it: strings are jumped over, nothing recurses.
 * Undefined where the text is no object or does not close. What stands inside the values is not checked.
 */
export const topLevel = (text: string): Members | undefined => {
  const open = skipSpace(text, 0)
  if (text.charCodeAt(open) !== BRACE) return undefined
  const members = new MemberList()
  let exact = true
  let at = skipSpace(text, open + 1)
  if (text.charCodeAt(at) === END_BRACE)
    return skipSpace(text, at + 1) === text.length ? { members, open, exact } : undefined
  for (;;) {
    if (text.charCodeAt(at) !== QUOTE) return undefined
    const keyEnd = stringEnd(text, at)
    const colon = skipSpace(text, keyEnd)
    if (keyEnd < 0 || text.charCodeAt(colon) !== COLON) return undefined
    const key = text.slice(at + 1, keyEnd - 1)
    const start = skipSpace(text, colon + 1)
    const end = valueEnd(text, start)
    if (end <= start) return undefined
    if (members.add(key, at, start, end) || key.includes('\\')) exact = false
    const next = skipSpace(text, end)
    const mark = text.charCodeAt(next)
    if (mark === END_BRACE) return skipSpace(text, next + 1) === text.length ? { members, open, exact } : undefined
    if (mark !== COMMA) return undefined
    at = skipSpace(text, next + 1)
  }
}

/** A place of a text and what shall stand there; `start === end` inserts. */
export type Edit = Span & { put: string }

/** The text with all edits made; they may come in any order but must not overlap. */
export const splice = (text: string, edits: readonly Edit[]): string => {
  if (edits.length === 1) {
    const { start, end, put } = edits[0]!
    return text.slice(0, start) + put + text.slice(end)
  }
  let result = ''
  let from = 0
  for (const { start, end, put } of [...edits].sort((left, right) => left.start - right.start)) {
    result += text.slice(from, start) + put
    from = end
  }
  return result + text.slice(from)
}

/** An edit that puts a new member first into the object that opens at `open`. */
export const insertion = ({ members, open }: Members, key: string, value: string): Edit => ({
  start: open + 1,
  end: open + 1,
  put: `${JSON.stringify(key)}:${value}${members.size > 0 ? ',' : ''}`,
})

/**
 * The text with members of its outermost object put in, or taken out where their value is undefined; all else stays as it is written.
 * Undefined where no member can be told by its name as written.
 */
export const withMembers = (text: string, change: JsonObject): string | undefined => {
  const found = topLevel(text)
  if (!found?.exact) return undefined
  const { members, open } = found
  const stays = members.keys.map(key => !Object.hasOwn(change, key) || change[key] !== undefined)
  const edits: Edit[] = []
  const fresh: string[] = []
  for (const [key, value] of Object.entries(change)) {
    if (value === undefined) continue
    const place = members.get(key)
    const put = JSON.stringify(value)
    if (place) edits.push({ start: place.start, end: place.end, put })
    else fresh.push(`${JSON.stringify(key)}:${put}`)
  }
  const comma = fresh.length > 0 && stays.includes(true) ? ',' : ''
  const head = { start: open + 1, end: open + 1, put: fresh.join(',') + comma }
  return splice(text, [head, ...edits, ...removals(found, stays)])
}

/** Each member that goes takes along the comma behind it; those at the end take the one before them. */
const removals = ({ members, open }: Members, stays: readonly boolean[]): Edit[] => {
  const places = members.keys.map(key => members.get(key)!)
  const last = stays.lastIndexOf(true)
  const edits = places
    .slice(0, last + 1)
    .flatMap(({ at }, index) => (stays[index] ? [] : [{ start: at, end: places[index + 1]!.at, put: '' }]))
  const end = places.at(-1)?.end
  if (end === undefined || last === places.length - 1) return edits
  return [...edits, { start: places[last]?.end ?? open + 1, end, put: '' }]
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

/** `from` is the opening quote → just behind the closing one; -1 where there is none. */
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

/** Just behind the value that begins at `start`; -1 where it does not end. */
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

/** The member at the end of `path` in the text of an object, written anew; every other character as it came. */
export const rewritten = (text: string, [name = '', ...path]: readonly string[], put: string): string => {
  const span = topLevel(text)?.members.get(name)
  if (span === undefined) return text
  const inner = path.length === 0 ? put : rewritten(text.slice(span.start, span.end), path, put)
  return splice(text, [{ start: span.start, end: span.end, put: inner }])
}
