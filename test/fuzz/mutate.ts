/** Random and mutated inputs; the same seed gives the same inputs in every run. */
import type { Json } from '../../src/base/json/json.ts'
import type { Frame } from '../../src/protocols/protocol.ts'

/** Returns numbers from 0 (inclusive) to 1 (exclusive). */
export type Random = () => number

const randomBelow = (random: Random, count: number): number => Math.floor(random() * count)
const pick = <Kind>(random: Random, list: readonly Kind[]): Kind => list[randomBelow(random, list.length)]!

/** Values that programs often do not expect. */
const oddities: readonly Json[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e308,
  -0,
  Number.MAX_SAFE_INTEGER,
  '',
  ' ',
  'null',
  '{}',
  '{"a":',
  '[1]',
  '\u0000',
  '\ud800',
  '世界🌍',
  'a'.repeat(3000),
  'data:image/png;base64,AAAA',
  'data:,',
  'https://x.example/',
  'soa1Seal',
  'soa1SealWyJhbnRocm9waWMiLCIiLHt9LDFd',
  'constructor',
  '__proto__',
  [],
  {},
  [[]],
  [null],
  [{}],
  { type: null },
  { type: 'text' },
  { type: 'unknown' },
  { type: 'ephemeral' },
  { id: '' },
]

/** Keys of all protocols, to be inserted where they do not belong. */
const keys = (
  'type role content text parts id name index delta choices messages contents input output tools tool_calls tool_choice function ' +
  'arguments args call_id tool_use_id toolUse toolResult reasoningContent thinking signature data source url summary encrypted_content ' +
  'thoughtSignature functionCall functionResponse response usage usageMetadata finish_reason finishReason stop_reason stopReason ' +
  'candidates status error message item output_index content_index content_block contentBlockIndex start system systemInstruction ' +
  'generationConfig thinkingConfig safetySettings response_format format schema cache_control cachePoint image_url inlineData fileData ' +
  'file image document audio citations annotations logprobs model stream max_tokens stop seed n refusal part grounding_metadata'
).split(' ')

/** Changes a few places of a value. */
export const mutate = (value: Json, random: Random, pool: readonly Json[]): Json => {
  let changed = structuredClone(value)
  for (let times = 1 + randomBelow(random, 3); times > 0; times--) changed = mutateOnce(changed, random, pool)
  return changed
}

const mutateOnce = (value: Json, random: Random, pool: readonly Json[]): Json => {
  const isList = Array.isArray(value)
  if (typeof value !== 'object' || value === null) return replacement(value, random, pool)
  const names = Object.keys(value)
  if (names.length === 0 || random() < 0.04)
    return isList ? [replacement(null, random, pool)] : withRandomKey({ ...value }, random, pool)
  if (random() < 0.7) {
    const name = pick(random, names)
    return withMember(value, name, mutateOnce((value as Record<string, Json>)[name]!, random, pool))
  }
  if (isList) return mutateList([...value], random, pool)
  const name = pick(random, names)
  const { [name]: old, ...rest } = value
  const kind = randomBelow(random, 4)
  if (kind === 0) return rest
  if (kind === 1) return withRandomKey({ ...value }, random, pool)
  if (kind === 2) return { ...rest, [pick(random, keys)]: old }
  return { ...value, [name]: replacement(old as Json, random, pool) }
}

const withMember = (value: Json[] | object, name: string, inner: Json): Json => {
  if (Array.isArray(value)) return value.map((one, at) => (String(at) === name ? inner : (one as Json)))
  return Object.fromEntries([...Object.entries(value).filter(([key]) => key !== name), [name, inner]])
}

const withRandomKey = (value: { [key: string]: Json | undefined }, random: Random, pool: readonly Json[]): Json => ({
  ...value,
  [pick(random, keys)]: replacement(null, random, pool),
})

const mutateList = (list: Json[], random: Random, pool: readonly Json[]): Json => {
  const at = randomBelow(random, list.length)
  const kind = randomBelow(random, 5)
  if (kind === 0) list.splice(at, 1)
  else if (kind === 1) list.push(structuredClone(list[at]!))
  else if (kind === 2) list.splice(at, 0, replacement(null, random, pool))
  else if (kind === 3) list.push(list.splice(at, 1)[0]!)
  else list[at] = replacement(list[at]!, random, pool)
  return list
}

/** Half of the replacements have the same kind, so that enough inputs pass the first check. */
const replacement = (value: Json, random: Random, pool: readonly Json[]): Json => {
  const keepsKind = random() < 0.5
  if (keepsKind && typeof value === 'string') return mutateText(value, random)
  if (keepsKind && typeof value === 'number') return pick(random, [-value, value + 1, value / 3, 0])
  if (keepsKind && typeof value === 'boolean') return !value
  if (pool.length === 0 || random() < 0.4) return structuredClone(pick(random, oddities))
  const sameKind = pool.filter(one => Array.isArray(one) === Array.isArray(value))
  return structuredClone(pick(random, keepsKind && sameKind.length > 0 ? sameKind : pool))
}

const mutateText = (text: string, random: Random): string => {
  const at = randomBelow(random, text.length + 1)
  return pick(random, [text.slice(0, at), text.slice(at), text + text, `${text.slice(0, at)}\n\u0000${text.slice(at)}`])
}

/** Invents a value. */
export const invent = (random: Random, depth = 0): Json => {
  const kind = random()
  if (depth > 5 || kind < 0.3) return structuredClone(pick(random, oddities))
  const count = randomBelow(random, 5)
  if (kind < 0.5) return Array.from({ length: count }, () => invent(random, depth + 1))
  return Object.fromEntries(Array.from({ length: count }, () => [pick(random, keys), invent(random, depth + 1)]))
}

/** Drops, doubles, moves, cuts or changes frames, or inserts frames of another stream. */
export const mutateFrames = (
  frames: readonly Frame[],
  random: Random,
  others: readonly Frame[],
  pool: readonly Json[],
): Frame[] => {
  const changed = [...frames]
  for (let times = 1 + randomBelow(random, 3); times > 0; times--) {
    const at = randomBelow(random, Math.max(1, changed.length))
    const frame = changed[at]
    const kind = randomBelow(random, 7)
    if (frame === undefined || kind === 0) changed.splice(at, 0, pick(random, others))
    else if (kind === 1) changed.splice(at, 1)
    else if (kind === 2) changed.splice(randomBelow(random, changed.length), 0, frame)
    else if (kind === 3) changed.splice(randomBelow(random, changed.length), 0, ...changed.splice(at, 1))
    else if (kind === 4) changed[at] = { ...frame, data: mutateText(frame.data, random) }
    else changed[at] = mutateFrame(frame, random, pool)
  }
  return changed
}

const mutateFrame = (frame: Frame, random: Random, pool: readonly Json[]): Frame => {
  if (random() < 0.1) return { ...(random() < 0.5 && { event: pick(random, keys) }), data: frame.data }
  const body = tryParseJson(frame.data)
  return body === undefined
    ? { ...frame, data: JSON.stringify(invent(random)) }
    : { ...frame, data: JSON.stringify(mutate(body, random, pool)) }
}

export const tryParseJson = (text: string): Json | undefined => {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

/** Every object and list inside a value, to be inserted elsewhere. */
export const containersIn = (value: Json, found: Json[] = []): Json[] => {
  if (typeof value !== 'object' || value === null) return found
  if (found.length < 400) found.push(value)
  for (const inner of Object.values(value)) if (inner !== undefined) containersIn(inner, found)
  return found
}
