/**
 * What a request may say beside its model, so that a vendor acts on the model that was checked and on nothing of another
 * caller. A field that a vendor may read as one of `routedFields` is refused for every key. A key that is limited to some
 * models may send only the fields that its protocol lists: others can name more models, or what the vendor stores for all
 * callers of one account.
 */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject } from '../../base/json/json.ts'

/** The fields that the gateway acts on. A vendor must not read another spelling of them. */
const routedFields: ReadonlySet<string> = new Set([
  'model',
  'models',
  'stream',
  'stream_options',
  'store',
  'background',
  'conversation',
  'previous_response_id',
])

const plainName = /^[a-z0-9_.[\]-]*$/
/** A name beyond this length is no spelling of a field. */
const maxNameLength = 256

/**
 * A field name without what parsers may ignore: case (Go, .NET), compatible characters such as the long s, spaces,
 * controls and invisible characters.
 */
const foldName = (name: string): string => {
  if (plainName.test(name) || name.length > maxNameLength) return name
  return name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s\p{C}]/gu, '')
}

/**
 * Refuses a field that a vendor may read as another one: another spelling of what the gateway acts on, or of a field that
 * the request has as well.
 * @throws GatewayError `invalid_request` naming the field
 */
export const refuseOtherSpellings = (body: JsonObject): void => {
  for (const name in body) {
    const folded = foldName(name)
    if (folded !== name && (routedFields.has(folded) || Object.hasOwn(body, folded))) throw otherSpelling(name, folded)
  }
}

const otherSpelling = (name: string, folded: string): GatewayError => {
  const param = name.slice(0, maxNameLength)
  return new GatewayError(
    'invalid_request',
    `${JSON.stringify(param)} is another spelling of \`${folded}\`, which a vendor may obey instead: send only \`${folded}\``,
    { param },
  )
}

/** Whether the name of a form field is, or may be read as, `model`. */
export const isModelName = (name: string): boolean => foldName(name).replace(/\[\w*\]$/, '') === 'model'

/** Fields that name further models, or what a vendor stores. For protocols that list no fields. */
const closedFields: ReadonlySet<string> = new Set([
  ...['models', 'route', 'provider', 'providers', 'preset', 'plugins', 'fallback', 'fallbacks', 'fallback_models'],
  ...['conversation', 'conversation_id', 'previous_response_id', 'previous_interaction_id', 'thread', 'thread_id'],
  ...['container', 'session_id', 'cached_content', 'extra_body', 'assistant_id', 'agent_id', 'voice_id'],
])

/** `cachedContent` → `cached_content`: vendors of one wire accept both. */
const snakeCase = (name: string): string => name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)

/** Names, at any depth, of what a vendor stores for all callers of one account. */
const storedNames: ReadonlySet<string> = new Set([
  ...['file_id', 'file_ids', 'vector_store_id', 'vector_store_ids', 'container_id', 'skill_id', 'prompt_id'],
  ...[
    'cached_content',
    'file_search_store_names',
    'vertex_rag_store',
    'rag_resources',
    'rag_corpora',
    'vertex_ai_search',
  ],
  ...['conversation_id', 'thread_id', 'assistant_id', 'agent_id', 'batch_id', 'memory_store_id'],
])

/** The user's own JSON: a vendor reads no names in it. */
const userJson: ReadonlySet<string> = new Set([
  ...['args', 'arguments', 'input', 'response', 'metadata', 'parameters', 'input_schema', 'schema', 'labels'],
  ...['parameters_json_schema', 'response_schema', 'response_json_schema', 'logit_bias'],
])

/** The key of a request that is limited to some models: which models it may name, and which one it names. */
export type KeyScope = { canUse: (model: string) => boolean; model: string | undefined }

/**
 * Refuses what a key that is limited to some models may not say.
 * @param fields the fields that the protocol opens to such keys; undefined for a path that no protocol describes
 * @throws GatewayError `invalid_request` naming the field
 */
export const checkScopedRequest = (
  body: JsonObject,
  fields: ReadonlySet<string> | undefined,
  scope: KeyScope,
): void => {
  for (const name in body) {
    const value = body[name] ?? null
    if (!isOpenField(name, fields) || isStoredObject(name, value)) throw closedField(name)
    if (conversationFields.has(name)) checkValue(value)
    else if (!userJson.has(snakeCase(name))) checkValue(value, scope)
  }
}

/** Where a conversation stands. No vendor acts on a model in it. */
const conversationFields: ReadonlySet<string> = new Set(['messages', 'input', 'contents', 'system', 'documents'])

const checkValue = (top: Json, scope?: KeyScope): void => {
  const remaining = [top]
  for (let value = remaining.pop(); value !== undefined; value = remaining.pop()) {
    if (Array.isArray(value)) for (const item of value) remaining.push(item)
    else if (isObject(value)) checkNested(value, scope, remaining)
  }
}

/** Whether a key that is limited to some models may send the field. */
export const isOpenField = (name: string, fields: ReadonlySet<string> | undefined): boolean =>
  fields ? fields.has(name) : !closedFields.has(snakeCase(foldName(name)))

/** @throws GatewayError `invalid_request` naming the field */
export const closedField = (name: string): GatewayError => {
  const param = name.slice(0, maxNameLength)
  return new GatewayError(
    'invalid_request',
    `${JSON.stringify(param)} is closed to keys that are limited to some models: a vendor may find another model in it, or what other callers have stored`,
    { param },
  )
}

const checkNested = (value: JsonObject, scope: KeyScope | undefined, remaining: Json[]): void => {
  for (const name in value) {
    const inner = value[name]
    if (inner === undefined || inner === null || typeof inner === 'number' || typeof inner === 'boolean') continue
    const folded = snakeCase(name)
    if (storedNames.has(folded) || isStoredObject(folded, inner)) throw closedField(name)
    if (scope && foldName(name) === 'model') refuseForeignModel(inner, scope)
    if (typeof inner !== 'string' && !userJson.has(folded)) remaining.push(inner)
  }
}

/** Files and caches of the account behind Google's APIs, and buckets that its credential can read. */
const storedUri = /^(?:gs:|s3:|files\/|https?:\/\/generativelanguage\.googleapis\.com\/)/i

const isStoredObject = (name: string, value: Json): boolean => {
  if (typeof value === 'string') return name === 'container' || (name === 'file_uri' && storedUri.test(value.trim()))
  // An earlier recording, or a voice that someone made.
  return (name === 'audio' || name === 'voice') && isObject(value) && typeof value.id === 'string'
}

/** A model inside a tool or a part of a batch must be the request's own, or one that the key may name. */
const refuseForeignModel = (model: Json, { canUse, model: own }: KeyScope): void => {
  if (typeof model !== 'string') throw closedField('model')
  const name = model.replace(/^models\//, '')
  if (name === own || canUse(name)) return
  throw new GatewayError('forbidden', `This key may not use the model \`${name.slice(0, 200)}\`.`, { param: 'model' })
}
