/**
 * Tracks the tool calls of one choice in a stream. Decides which deltas belong to one call, however the vendor numbers
 * and names its calls.
 */
import { isObject, type Json, type JsonObject, textOf } from '../../../base/json/json.ts'
import { JsonProgress } from '../../../base/json/json-progress.ts'

type TrackedCall = {
  /**
   * The index the client sees: contiguous from 0 in order of appearance. It is -1 until the name is known, because the
   * first delta must carry the name.
   */
  index: number
  /** The vendor's index, if it sent one. */
  vendorIndex: number | undefined
  id: string | undefined
  /** The vendor's id, if it sent one. */
  vendorId: string | undefined
  name: string
  custom: boolean
  /** All arguments that the client has received, or will receive with the first delta. */
  args: string
  /** How far `args` are complete. */
  readonly progress: JsonProgress
}

export type CallTracker = {
  /** True once a call has been sent to the client. */
  readonly hasCalls: boolean
  /** The number of calls that never got a name. They are never sent to the client. */
  readonly unnamedCount: number
  /**
   * Normalizes the `tool_calls` entries of one delta. Returns the entries that carry something, and whether an entry
   * was changed or dropped.
   */
  normalize(entries: readonly Json[]): { entries: JsonObject[]; isChanged: boolean }
  /**
   * Called when the calls have ended. Returns a delta with the arguments `{}` for every call whose vendor sent no
   * arguments.
   */
  fillMissingArguments(): JsonObject[]
}

type EntryResult = 'strict' | 'changed' | 'empty'

/**
 * A new id under a known index starts a new call; an empty id continues the known call. An entry without an index
 * belongs to the call with its id, or else to the last call. Mistral's `"null"` is not an id. `createId` gives the call
 * with that index an id, if its vendor sends none (Ollama, Gemini's OpenAI mode) or if another call of the answer
 * already has the same id.
 */
export const createCallTracker = (createId: (index: number) => string): CallTracker => {
  const calls = new CallList()
  const emittedIds = new Set<string>()
  let emittedCount = 0

  const normalizeEntry = (entry: JsonObject): EntryResult => {
    const name = nameOf(entry)
    const rawArgs = argsTextOf(entry)
    const knownCall = findCall(calls, entry, name, rawArgs)
    if (knownCall === undefined && name === '' && rawArgs === '' && idOf(entry) === undefined) return 'empty'
    const call = knownCall ?? createCall(entry, name)
    if (knownCall === undefined) calls.add(call)
    const argsDelta = rawArgs === 'null' && call.args === '' && !call.custom ? '' : rawArgs
    call.args += argsDelta
    call.progress.push(argsDelta)
    if (call.name === '') call.name = name
    if (call.index >= 0) return writeLaterDelta(call, entry, argsDelta)
    if (call.name === '') return 'empty'
    call.index = emittedCount++
    if (call.id === undefined || emittedIds.has(call.id)) call.id = createId(call.index)
    emittedIds.add(call.id)
    return writeFirstDelta(call, entry)
  }

  return {
    get hasCalls() {
      return emittedCount > 0
    },
    get unnamedCount() {
      return calls.all.length - emittedCount
    },
    normalize(entries) {
      const keptEntries: JsonObject[] = []
      let isChanged = false
      for (const entry of entries) {
        const result = isObject(entry) ? normalizeEntry(entry) : 'empty'
        if (isObject(entry) && result !== 'empty') keptEntries.push(entry)
        if (result !== 'strict') isChanged = true
      }
      return { entries: keptEntries, isChanged }
    },
    fillMissingArguments() {
      const withoutArguments = calls.all.filter(call => call.index >= 0 && !call.custom && call.args === '')
      for (const call of withoutArguments) call.args = '{}'
      return withoutArguments.map(({ index }) => ({ index, function: { arguments: '{}' } }))
    },
  }
}

/** The calls of a choice in order, and the last of each vendor's index and id. */
class CallList {
  readonly all: TrackedCall[] = []
  readonly #byIndex = new Map<number, TrackedCall>()
  readonly #byId = new Map<string, TrackedCall>()
  readonly #byIdAndIndex = new Map<string, TrackedCall>()

  add(call: TrackedCall): void {
    const { vendorIndex, vendorId } = call
    this.all.push(call)
    if (vendorIndex !== undefined) this.#byIndex.set(vendorIndex, call)
    if (vendorId === undefined) return
    this.#byId.set(vendorId, call)
    this.#byIdAndIndex.set(`${vendorIndex} ${vendorId}`, call)
  }

  withIndex(index: number): TrackedCall | undefined {
    return this.#byIndex.get(index)
  }

  withId(id: string): TrackedCall | undefined {
    return this.#byId.get(id)
  }

  withIdAndIndex(id: string, index: number | undefined): TrackedCall | undefined {
    return this.#byIdAndIndex.get(`${index} ${id}`)
  }
}

/** Returns the call that an entry continues, or undefined if the entry starts a new call. */
const findCall = (calls: CallList, entry: JsonObject, name: string, argsDelta: string): TrackedCall | undefined => {
  const id = idOf(entry)
  const vendorIndex = vendorIndexOf(entry)
  const startsNewCall = (call: TrackedCall | undefined): boolean =>
    call !== undefined && name !== '' && argsDelta !== '' && call.progress.isComplete
  const sameIndex = vendorIndex === undefined ? undefined : calls.withIndex(vendorIndex)
  if (id === undefined) {
    if (vendorIndex === undefined) return name === '' ? calls.all.at(-1) : undefined
    return startsNewCall(sameIndex) ? undefined : sameIndex
  }
  const sameId = calls.withId(id)
  const sameIdAndIndex = calls.withIdAndIndex(id, vendorIndex)
  if (vendorIndex === undefined) return startsNewCall(sameIdAndIndex ?? sameId) ? undefined : (sameIdAndIndex ?? sameId)
  return sameIdAndIndex ?? (name === '' ? (sameId ?? sameIndex) : undefined)
}

const createCall = (entry: JsonObject, name: string): TrackedCall => {
  const id = idOf(entry)
  const custom = entry.type === 'custom' || isNamed(entry.custom)
  return {
    index: -1,
    vendorIndex: vendorIndexOf(entry),
    id,
    vendorId: id,
    name,
    custom,
    args: '',
    progress: new JsonProgress(),
  }
}

/** Rewrites an entry as the first delta of a call: index, id, type, name, and the arguments received so far. */
const writeFirstDelta = (call: TrackedCall, entry: JsonObject): EntryResult => {
  const [key, argsField] = argsFieldOf(call)
  const body = isObject(entry[key]) ? entry[key] : {}
  const hasCallFields =
    entry.index === call.index &&
    entry.id === call.id &&
    entry.type === key &&
    !((key === 'function' ? 'custom' : 'function') in entry)
  if (hasCallFields && body.name === call.name && body[argsField] === call.args) return 'strict'
  const { id: _id, index: _index, type: _type, function: _function, custom: _custom, ...rest } = entry
  const namedBody = { ...body, name: call.name, [argsField]: call.args }
  replaceFields(entry, { index: call.index, id: call.id, type: key, [key]: namedBody, ...rest })
  return 'changed'
}

/** Rewrites an entry as a later delta of a call: the index and the new arguments. */
const writeLaterDelta = (call: TrackedCall, entry: JsonObject, argsDelta: string): EntryResult => {
  const [key, argsField] = argsFieldOf(call)
  const { id, index, type, function: _function, custom: _custom, ...rest } = entry
  const body = isObject(entry[key]) ? entry[key] : {}
  if (
    index === call.index &&
    id === undefined &&
    type === undefined &&
    body.name === undefined &&
    body[argsField] === argsDelta
  )
    return 'strict'
  if (argsDelta === '' && Object.keys(rest).length === 0) return 'empty'
  replaceFields(entry, { index: call.index, [key]: { [argsField]: argsDelta }, ...rest })
  return 'changed'
}

const argsFieldOf = ({ custom }: TrackedCall) =>
  custom ? (['custom', 'input'] as const) : (['function', 'arguments'] as const)

const isNamed = (value: Json | undefined): boolean =>
  isObject(value) && typeof value.name === 'string' && value.name !== ''

const idOf = ({ id }: JsonObject): string | undefined =>
  typeof id === 'string' && id !== '' && id !== 'null' ? id : undefined

const vendorIndexOf = ({ index }: JsonObject): number | undefined => (typeof index === 'number' ? index : undefined)

const nameOf = (entry: JsonObject): string =>
  [entry.function, entry.custom].map(inner => (isObject(inner) ? textOf(inner.name) : undefined)).find(Boolean) ?? ''

/** Returns the arguments as text, whatever type the vendor sends (Ollama sends an object). */
const argsTextOf = (entry: JsonObject): string => {
  const inner =
    isObject(entry.function) && entry.function.arguments !== undefined ? entry.function.arguments : undefined
  const args = inner ?? (isObject(entry.custom) ? entry.custom.input : undefined)
  if (args === undefined || args === null) return ''
  return typeof args === 'string' ? args : JSON.stringify(args)
}

const replaceFields = (entry: JsonObject, fields: JsonObject): void => {
  for (const key of Object.keys(entry)) delete entry[key]
  Object.assign(entry, fields)
}

/** Normalizes a call of a non-streaming answer. Returns undefined if the call has no name. */
export const normalizeCall = (entry: JsonObject, id: string): JsonObject | undefined => {
  const tracker = createCallTracker(() => id)
  const { index: _index, ...rest } = entry
  const [call] = tracker.normalize([{ ...rest }]).entries
  if (call === undefined) return undefined
  const { index: _first, ...normalized } = call
  if (tracker.fillMissingArguments().length > 0 && isObject(normalized.function)) normalized.function.arguments = '{}'
  return normalized
}
