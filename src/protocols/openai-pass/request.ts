/**
 * Request checks of the passthrough paths. These paths share the envelope and the errors of Chat Completions and differ
 * in their required fields.
 */
import { GatewayError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json/json.ts'
import { lookUp } from '../../base/look-up.ts'

/** Path → its required fields. Uploads are forms and are not checked here. */
const requiredFields: Record<string, readonly string[]> = {
  completions: ['prompt'],
  embeddings: ['input'],
  'images/generations': ['prompt'],
  'audio/speech': ['input'],
  moderations: ['input'],
  rerank: ['query', 'documents'],
}

/** @throws GatewayError `invalid_request` naming the field */
export const createRequestCheck =
  (path: string) =>
  (body: JsonObject): void => {
    const { model, stream } = body
    if (model !== undefined && model !== null && typeof model !== 'string')
      throw invalidField('model', 'must be a string')
    if (stream !== undefined && stream !== null && typeof stream !== 'boolean')
      throw invalidField('stream', 'must be true or false')
    for (const field of lookUp(requiredFields, path) ?? [])
      if (body[field] === undefined || body[field] === null) throw invalidField(field, 'is missing')
  }

const invalidField = (param: string, what: string): GatewayError =>
  new GatewayError('invalid_request', `${param} ${what}`, { param })
