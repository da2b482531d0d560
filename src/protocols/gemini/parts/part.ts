/** What a part of a content holds beside its words: its signature, its media, and what only this protocol knows. */

import { isObject, type Json, type JsonObject, textOf } from '../../../base/json/json.ts'
import type { MediaPart, Part, Seal } from '../../../ir/chat.ts'
import { isReadable, unwrapSeal, wrapSeal } from '../../../ir/seal.ts'
import type { Exchange } from '../../protocol.ts'
import { withoutNullish } from '../syntax/casing.ts'

export const id = 'gemini'

/** Stands where Gemini 3 demands a signature and there is none: https://ai.google.dev/gemini-api/docs/thought-signatures (2026-11). */
export const sentinel = 'skip_thought_signature_validator'

const readFields = new Set([
  'text',
  'thought',
  'thoughtSignature',
  'inlineData',
  'fileData',
  'functionCall',
  'functionResponse',
])

/** Tells a foreign block apart from foreign thoughts in the one slot that both cross a client in. */
const foreignKey = '$foreign'
/** Signs of life are signed: a client that sends them back is not taken at its word. */
const heartbeatOrigin = 'heartbeat'

const noFields: JsonObject = {}

/** Nothing in it that only this protocol knows: most parts of a stream are so. */
const hasOnlyReadFields = (part: JsonObject): boolean => {
  for (const key in part) if (!readFields.has(key) && part[key] !== null) return false
  return true
}

/** What is sealed into a part: its signature, and the fields that no other protocol has, as they are to stand there again. */
export const sealOf = (part: JsonObject, more: JsonObject = noFields, at?: string): Seal | undefined => {
  const { thoughtSignature } = part
  if (thoughtSignature === undefined && more === noFields && hasOnlyReadFields(part)) return undefined
  const wrapped = unwrapSeal(thoughtSignature)
  if (wrapped) return wrapped.seal
  const extraFields = Object.entries(part).filter(([key, value]) => !readFields.has(key) && value !== null)
  const fields = { ...Object.fromEntries(extraFields), ...more }
  const hasSignature = typeof thoughtSignature === 'string' && thoughtSignature !== ''
  const origin = at === undefined ? {} : { at }
  if (Object.keys(fields).length > 0)
    return { by: id, ...origin, value: { ...fields, ...(hasSignature && { thoughtSignature }) } }
  return hasSignature ? { by: id, ...origin, value: thoughtSignature } : undefined
}

/** The fields a seal puts into its part for a vendor; one that cannot be read is noted and left out. */
export const sealFields = (seal: Seal | undefined, path: string, { loss, sealOrigin }: Exchange): JsonObject => {
  if (seal === undefined) return {}
  if (isReadable(seal, id, sealOrigin)) return fieldsOfValue(seal.value)
  loss(path, `only ${seal.by} can read what was sealed`)
  return {}
}

const fieldsOfValue = (value: Json): JsonObject =>
  typeof value === 'string' ? { thoughtSignature: value } : isObject(value) ? value : {}

/** The same for a client: a foreign seal crosses in the slot of the signature. */
export const signatureSlotFor = (seal: Seal | undefined, { loss }: Pick<Exchange, 'loss'>): JsonObject => {
  if (seal === undefined) return {}
  if (seal.by === id) return fieldsOfValue(seal.value)
  const text = wrapSeal(seal)
  if (text === undefined) loss('thoughtSignature', `what ${seal.by} sealed is too large`)
  return text === undefined ? {} : { thoughtSignature: text }
}

/** A block only one protocol knows, for a client. */
export const foreignBlockFor = (seal: Seal, exchange: Pick<Exchange, 'loss'>): JsonObject | undefined => {
  if (seal.by === id) return isObject(seal.value) ? seal.value : undefined
  const slot = signatureSlotFor({ ...seal, value: { [foreignKey]: seal.value } }, exchange)
  return slot.thoughtSignature === undefined ? undefined : { text: '', thought: true, ...slot }
}

/** Thoughts without words are a foreign block, or a sign of life (no part at all), or thoughts that are only sealed. */
export const parseEmptyThought = (seal: Seal): Part | undefined => {
  if (seal.by === heartbeatOrigin) return undefined
  const block = isObject(seal.value) ? seal.value[foreignKey] : undefined
  return block === undefined
    ? { type: 'reasoning', text: '', seal }
    : { type: 'foreign', seal: { ...seal, value: block } }
}

/** A part that says nothing, and by its seal that it is ours. Every SDK of Google's takes it; of comments not all do. */
export const heartbeatPart = (): JsonObject => ({
  text: '',
  thought: true,
  thoughtSignature: wrapSeal({ by: heartbeatOrigin, value: '' })!,
})

/** Media of a part, undefined where it has none. What lies at an address of the open web is told as such, so that other vendors can have it. */
export const parseMedia = (part: JsonObject, at?: string): MediaPart | undefined => {
  const { inlineData, fileData } = part
  if (isObject(inlineData) && typeof inlineData.data === 'string') {
    const name = textOf(inlineData.displayName)
    const seal = sealOf(part, undefined, at)
    const mime = textOf(inlineData.mimeType) || '*/*'
    return { type: 'media', mime, source: { data: inlineData.data }, ...(name && { name }), ...(seal && { seal }) }
  }
  if (!isObject(fileData) || typeof fileData.fileUri !== 'string') return undefined
  const uri = fileData.fileUri
  const isPublicUrl = /^https?:\/\//.test(uri) && !/^https:\/\/generativelanguage\.googleapis\.com\//.test(uri)
  const seal = sealOf(part, isPublicUrl ? { fileData } : {}, at)
  const mime = textOf(fileData.mimeType) || '*/*'
  return { type: 'media', mime, source: isPublicUrl ? { url: uri } : { file: uri, by: id }, ...(seal && { seal }) }
}

/** The data itself, or a file that Google keeps; nothing else has a form: addresses are fetched before. */
export const renderMedia = ({ mime, source, name }: MediaPart): JsonObject | undefined => {
  if ('data' in source)
    return {
      inlineData: withoutNullish({ mimeType: exactType(mime, source.data, name), data: plainBase64(source.data) }),
    }
  if (!('file' in source) || source.by !== id) return undefined
  return { fileData: withoutNullish({ mimeType: mime === '*/*' ? undefined : mime, fileUri: source.file }) }
}

/** Google takes the alphabet of URLs as well; white space of MIME it does not. */
const plainBase64 = (data: string): string => (/\s/.test(data) ? data.replace(/\s+/g, '') : data)

/** How files of a kind begin, in base64. */
const magicNumbers: readonly (readonly [string, string])[] = [
  ['iVBORw0KGgo', 'image/png'],
  ['/9j/', 'image/jpeg'],
  ['R0lGOD', 'image/gif'],
  ['UklGR', 'image/webp'],
  ['JVBERi0', 'application/pdf'],
  ['SUQz', 'audio/mp3'],
]
const defaultTypes: Record<string, string> = { image: 'image/png', audio: 'audio/wav', video: 'video/mp4' }

/** The exact type, where the client named only a class. */
const exactType = (mime: string, data: string, name: string | undefined): string => {
  if (!mime.endsWith('/*')) return mime
  const found = magicNumbers.find(([start]) => data.startsWith(start))?.[1]
  const kind = mime.slice(0, -2)
  if (found && (kind === '*' || found.startsWith(kind))) return found
  return defaultTypes[kind] ?? (/\.(txt|md|csv)$/i.test(name ?? '') ? 'text/plain' : 'application/pdf')
}
