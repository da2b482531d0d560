/** Tool calls of one choice on their way through: which deltas are one call, in whatever way a vendor numbers and names them. */
import { isObject, type Json, type JsonObject, parseJson, textOf } from '../../../base/json/json.ts'

type Call = {
  /** Ours: contiguous from 0 in the order of appearance; -1 until the name is known, for the first delta must carry it. */
  index: number
  /** The vendor's number, if it gave one. */
  number: number | undefined
  id: string | undefined
  /** The vendor's id, if it gave one. */
  given: string | undefined
  name: string
  custom: boolean
  /** Everything the client has been given or will be given with the first delta. */
  args: string
}

export type CallTracker = {
  /** Any call seen so far. */
  readonly any: boolean
  /** Calls that never got a name, and therefore were never told. */
  readonly unnamed: number
  /** Corrects the entries of one delta: gives those that say something, and whether one of them was changed or left out. */
  mend(entries: readonly Json[]): { entries: JsonObject[]; changed: boolean }
  /** What the calls still lack now that they have ended: `{}` where the vendor gave no arguments. */
  settle(): JsonObject[]
}

type Heard = 'strict' | 'changed' | 'empty'

/**
 * A new id under a known index is a new call, an empty one continues; an entry without an index belongs to its id, or to the last call.
 * Mistral's `"null"` is no id. `nameId` gives an id to the call of that index, for vendors that give none (Ollama, Gemini's OpenAI mode), or one
 * that another call of the answer has.
 */
export const callTracker = (nameId: (index: number) => string): CallTracker => {
  const calls: Call[] = []
  let shown = 0

  const hear = (entry: JsonObject): Heard => {
    const name = nameOf(entry)
    const said = pieceOf(entry)
    const known = find(calls, entry, name, said)
    if (known === undefined && name === '' && said === '' && idOf(entry) === undefined) return 'empty'
    const call = known ?? begin(entry, name)
    if (known === undefined) calls.push(call)
    const piece = said === 'null' && call.args === '' && !call.custom ? '' : said
    call.args += piece
    if (call.name === '') call.name = name
    if (call.index >= 0) return proceed(call, entry, piece)
    if (call.name === '') return 'empty'
    call.index = shown++
    const isTaken = calls.some(other => other !== call && other.index >= 0 && other.id === call.id)
    if (call.id === undefined || isTaken) call.id = nameId(call.index)
    return show(call, entry)
  }

  return {
    get any() {
      return shown > 0
    },
    get unnamed() {
      return calls.length - shown
    },
    mend(entries) {
      const kept: JsonObject[] = []
      let changed = false
      for (const entry of entries) {
        const heard = isObject(entry) ? hear(entry) : 'empty'
        if (isObject(entry) && heard !== 'empty') kept.push(entry)
        if (heard !== 'strict') changed = true
      }
      return { entries: kept, changed }
    },
    settle() {
      const bare = calls.filter(call => call.index >= 0 && !call.custom && call.args === '')
      for (const call of bare) call.args = '{}'
      return bare.map(({ index }) => ({ index, function: { arguments: '{}' } }))
    },
  }
}

/** The call an entry continues; undefined where it begins one. */
const find = (calls: readonly Call[], entry: JsonObject, name: string, piece: string): Call | undefined => {
  const id = idOf(entry)
  const number = numberOf(entry)
  const begins = (call: Call | undefined): boolean =>
    call !== undefined && name !== '' && piece !== '' && isWhole(call.args)
  const here = number === undefined ? undefined : calls.findLast(call => call.number === number)
  if (id === undefined) {
    if (number === undefined) return name === '' ? calls.at(-1) : undefined
    return begins(here) ? undefined : here
  }
  const same = calls.filter(call => call.given === id)
  const numbered = same.findLast(call => call.number === number)
  if (number === undefined) return begins(numbered ?? same.at(-1)) ? undefined : (numbered ?? same.at(-1))
  return numbered ?? (name === '' ? (same.at(-1) ?? here) : undefined)
}

const begin = (entry: JsonObject, name: string): Call => {
  const id = idOf(entry)
  const custom = entry.type === 'custom' || isNamed(entry.custom)
  return { index: -1, number: numberOf(entry), id, given: id, name, custom, args: '' }
}

/** The first delta of a call: index, id, type and name, and what it has said so far. */
const show = (call: Call, entry: JsonObject): Heard => {
  const [key, slot] = slotOf(call)
  const body = isObject(entry[key]) ? entry[key] : {}
  const strict =
    entry.index === call.index &&
    entry.id === call.id &&
    entry.type === key &&
    !((key === 'function' ? 'custom' : 'function') in entry)
  if (strict && body.name === call.name && body[slot] === call.args) return 'strict'
  const { id: _id, index: _index, type: _type, function: _function, custom: _custom, ...rest } = entry
  const said = { ...body, name: call.name, [slot]: call.args }
  replace(entry, { index: call.index, id: call.id, type: key, [key]: said, ...rest })
  return 'changed'
}

/** A later delta: index and what it adds. */
const proceed = (call: Call, entry: JsonObject, piece: string): Heard => {
  const [key, slot] = slotOf(call)
  const { id, index, type, function: _function, custom: _custom, ...rest } = entry
  const body = isObject(entry[key]) ? entry[key] : {}
  if (index === call.index && id === undefined && type === undefined && body.name === undefined && body[slot] === piece)
    return 'strict'
  if (piece === '' && Object.keys(rest).length === 0) return 'empty'
  replace(entry, { index: call.index, [key]: { [slot]: piece }, ...rest })
  return 'changed'
}

const slotOf = ({ custom }: Call) => (custom ? (['custom', 'input'] as const) : (['function', 'arguments'] as const))

const isNamed = (value: Json | undefined): boolean =>
  isObject(value) && typeof value.name === 'string' && value.name !== ''

const idOf = ({ id }: JsonObject): string | undefined =>
  typeof id === 'string' && id !== '' && id !== 'null' ? id : undefined

const numberOf = ({ index }: JsonObject): number | undefined => (typeof index === 'number' ? index : undefined)

const nameOf = (entry: JsonObject): string =>
  [entry.function, entry.custom].map(inner => (isObject(inner) ? textOf(inner.name) : undefined)).find(Boolean) ?? ''

/** The arguments as text, whatever they came as (Ollama sends an object). */
const pieceOf = (entry: JsonObject): string => {
  const inner =
    isObject(entry.function) && entry.function.arguments !== undefined ? entry.function.arguments : undefined
  const said = inner ?? (isObject(entry.custom) ? entry.custom.input : undefined)
  if (said === undefined || said === null) return ''
  return typeof said === 'string' ? said : JSON.stringify(said)
}

const isWhole = (args: string): boolean => args.endsWith('}') && parseJson(args) !== undefined

const replace = (entry: JsonObject, by: JsonObject): void => {
  for (const key of Object.keys(entry)) delete entry[key]
  Object.assign(entry, by)
}

/** A call of a whole answer, made strict in place of the vendor's. */
export const wholeCall = (entry: JsonObject, id: string): JsonObject | undefined => {
  const tracker = callTracker(() => id)
  const { index: _index, ...rest } = entry
  const [call] = tracker.mend([{ ...rest }]).entries
  if (call === undefined) return undefined
  const { index: _first, ...strict } = call
  if (tracker.settle().length > 0 && isObject(strict.function)) strict.function.arguments = '{}'
  return strict
}
