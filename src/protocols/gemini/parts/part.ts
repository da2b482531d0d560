/** What a part holds besides its text: its signature, its media, and fields that only this protocol has. */

import { isObject, type Json, type JsonObject, textOf } from '../../../base/json/json.ts'
import { lookUp } from '../../../base/look-up.ts'
import type { MediaPart, Part, Seal } from '../../../ir/chat.ts'
import { isReadable, unwrapSeal, wrapSeal } from '../../../ir/seal.ts'
import type { Exchange } from '../../protocol.ts'
import { withoutNullish } from '../syntax/casing.ts'

export const id = 'gemini'

/**
 * Signature that Gemini 3 accepts in place of a missing one: https://ai.google.dev/gemini-api/docs/thought-signatures
 * (2026-11).
 */
export const sentinel = 'skip_thought_signature_validator'

const readFields: ReadonlySet<string> = new Set([
  'text',
  'thought',
  'thoughtSignature',
  'inlineData',
  'fileData',
  'functionCall',
  'functionResponse',
])

/** Marks a sealed value as a foreign block, since foreign thoughts use the same slot. */
const foreignKey = '$foreign'
/** Seal origin of heartbeat parts, by which they are recognized and dropped if a client sends them back. */
const heartbeatOrigin = 'heartbeat'

const noFields: JsonObject = {}

/** Whether a part has no fields that only this protocol knows, as most parts of a stream. */
const hasOnlyReadFields = (part: JsonObject): boolean => {
  for (const key in part) if (!readFields.has(key) && part[key] !== null) return false
  return true
}

/**
 * Returns the seal of a part: its signature, and the fields that no other protocol has.
 * `more`: further fields to seal. `at`: the seal origin.
 */
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

/**
 * Returns the fields that a seal restores in its part for a vendor. A seal that the vendor cannot read is noted as a
 * loss.
 */
export const sealFields = (seal: Seal | undefined, path: string, { loss, sealOrigin }: Exchange): JsonObject => {
  if (seal === undefined) return {}
  if (isReadable(seal, id, sealOrigin)) return fieldsOfValue(seal.value)
  loss(path, `only ${seal.by} can read this opaque state`)
  return {}
}

const fieldsOfValue = (value: Json): JsonObject => {
  if (typeof value === 'string') return { thoughtSignature: value }
  return isObject(value) ? value : {}
}

/**
 * Returns the fields that a seal adds to its part for a client. Another protocol's seal is wrapped in the signature.
 */
export const signatureSlotFor = (seal: Seal | undefined, { loss }: Pick<Exchange, 'loss'>): JsonObject => {
  if (seal === undefined) return {}
  if (seal.by === id) return fieldsOfValue(seal.value)
  const text = wrapSeal(seal)
  if (text === undefined) loss('thoughtSignature', `the opaque state of ${seal.by} is too large`)
  return text === undefined ? {} : { thoughtSignature: text }
}

/** Renders a block that only one protocol has, for a client. Another protocol's block is sealed in an empty thought. */
export const foreignBlockFor = (seal: Seal, exchange: Pick<Exchange, 'loss'>): JsonObject | undefined => {
  if (seal.by === id) return isObject(seal.value) ? seal.value : undefined
  const slot = signatureSlotFor({ ...seal, value: { [foreignKey]: seal.value } }, exchange)
  return slot.thoughtSignature === undefined ? undefined : { text: '', thought: true, ...slot }
}

/** Parses a thought without text: a foreign block, a heartbeat (undefined), or thoughts that consist of a seal only. */
export const parseEmptyThought = (seal: Seal): Part | undefined => {
  if (seal.by === heartbeatOrigin) return undefined
  const block = isObject(seal.value) ? seal.value[foreignKey] : undefined
  return block === undefined
    ? { type: 'reasoning', text: '', seal }
    : { type: 'foreign', seal: { ...seal, value: block } }
}

/**
 * An empty part that its seal identifies as the gateway's. Every SDK of Google accepts it; not all of them accept SSE
 * comments.
 */
export const heartbeatPart = (): JsonObject => ({
  text: '',
  thought: true,
  thoughtSignature: wrapSeal({ by: heartbeatOrigin, value: '' })!,
})

/**
 * Parses the media of a part. Undefined if it has none. A file at a public URL is parsed as a URL, so that other
 * vendors can use it.
 */
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

/** Renders data or a file stored at Google. URLs have no form here: they are fetched before. */
export const renderMedia = ({ mime, source, name }: MediaPart): JsonObject | undefined => {
  if ('data' in source)
    return {
      inlineData: withoutNullish({ mimeType: exactType(mime, source.data, name), data: plainBase64(source.data) }),
    }
  if (!('file' in source) || source.by !== id) return undefined
  return { fileData: withoutNullish({ mimeType: mime === '*/*' ? undefined : mime, fileUri: source.file }) }
}

/** Google accepts URL-safe base64, but no white space inside the data. */
const plainBase64 = (data: string): string => (/\s/.test(data) ? data.replace(/\s+/g, '') : data)

/** First bytes of file types, in base64. */
const magicNumbers: readonly (readonly [string, string])[] = [
  ['iVBORw0KGgo', 'image/png'],
  ['/9j/', 'image/jpeg'],
  ['R0lGOD', 'image/gif'],
  ['UklGR', 'image/webp'],
  ['JVBERi0', 'application/pdf'],
  ['SUQz', 'audio/mp3'],
]
const defaultTypes: Record<string, string> = { image: 'image/png', audio: 'audio/wav', video: 'video/mp4' }

/** Returns the exact media type if the client only named a class such as `image/*`. */
const exactType = (mime: string, data: string, name: string | undefined): string => {
  if (!mime.endsWith('/*')) return mime
  const found = magicNumbers.find(([start]) => data.startsWith(start))?.[1]
  const kind = mime.slice(0, -2)
  if (found && (kind === '*' || found.startsWith(kind))) return found
  return lookUp(defaultTypes, kind) ?? (/\.(txt|md|csv)$/i.test(name ?? '') ? 'text/plain' : 'application/pdf')
}
