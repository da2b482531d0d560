/**
 * Reads, lists and deletes stored responses for the caller who created them. If a vendor stores a response, the vendor
 * is asked.
 */
import { asGatewayError, GatewayError } from '../base/errors.ts'
import type { JsonObject } from '../base/json/json.ts'
import { pathAndQueryOf } from '../downstream/json-body.ts'
import { fetchStoredResponse, type StoredResponseRequest } from '../gateway/fetch-stored.ts'
import { type Connection, respondError, respondJson } from '../gateway/handle.ts'
import { identifyCaller } from '../gateway/identify-caller.ts'
import { storeAnswer } from '../gateway/previous-response.ts'
import type { Runtime } from '../gateway/runtime.ts'
import { inputWithIds } from '../protocols/openai-responses/stored/item-references.ts'
import { pageOfItems, responseNotFound } from '../protocols/openai-responses/stored/previous-response.ts'
import { protocols } from '../protocols/registry.ts'
import type { Entry, Target } from '../providers/entry.ts'
import { isNative } from '../providers/resolve-url.ts'
import type { Caller } from '../routing/router.ts'
import { findTarget } from '../routing/targets.ts'
import type { StoredAnswer } from '../store/answers.ts'
import type { RequestLifetime } from '../telemetry/request-lifetime.ts'

const protocol = 'openai-responses'

/** The stored response, and the part of its API, that a path names. */
type StoredResponseAddress = Pick<StoredResponseRequest, 'id' | 'subresource'>

const pathPattern = /^(?:\/v1)?\/responses\/([\w-]{1,200})(?:\/(input_items|cancel))?\/?$/
const allowedMethods: Record<StoredResponseRequest['subresource'], readonly string[]> = {
  '': ['GET', 'DELETE'],
  input_items: ['GET'],
  cancel: ['POST'],
}

/** Returns undefined if the path is not that of a stored response, or does not support the method. */
export const matchStoredResponse = (method: string, path: string): StoredResponseAddress | undefined => {
  const [, id, subresource = ''] = pathPattern.exec(path) ?? []
  if (id === undefined || !allowedMethods[subresource as StoredResponseRequest['subresource']].includes(method))
    return undefined
  return { id, subresource: subresource as StoredResponseRequest['subresource'] }
}

/** Answers a request for a stored response. Never throws. */
export const answerStoredResponse = async (
  request: Request,
  storedRequest: StoredResponseAddress,
  connection: Connection,
  runtime: Runtime,
): Promise<Response> => {
  const { path, query } = pathAndQueryOf(request)
  const lifetime = runtime.records.begin(request.method, path)
  request.signal.addEventListener('abort', lifetime)
  try {
    const caller = identifyCaller(request, query, connection, lifetime, runtime)
    const body = await storedResponseBody(
      { ...storedRequest, method: request.method, query },
      caller,
      lifetime,
      runtime,
    )
    if (request.method === 'DELETE') runtime.answers.forget(caller.owner, storedRequest.id)
    return respondJson(body, protocols.get(protocol)!, lifetime, runtime)
  } catch (thrown) {
    const error = lifetime.endReason ?? asGatewayError(thrown)
    return respondError(error, protocols.get(protocol)!, lifetime, runtime, request)
  }
}

const storedResponseBody = async (
  storedRequest: StoredResponseRequest,
  caller: Caller,
  lifetime: RequestLifetime,
  runtime: Runtime,
): Promise<JsonObject> => {
  const found = runtime.answers.find(caller.owner, storedRequest.id)
  const target = storingTargetOf(found, caller, storedRequest.id, runtime)
  if (!target && found) return renderStored(storedRequest, found)
  if (!target) throw responseNotFound(storedRequest.id)
  const body = withClientNames(await fetchStoredResponse(storedRequest, target, { lifetime, runtime }), found)
  // A response created in the background may have finished since.
  if (found && body.object === 'response' && body.id === storedRequest.id && storedRequest.method !== 'DELETE')
    storeAnswer(body, found, caller.owner, runtime)
  return body
}

const renderStored = (
  { id, subresource, method, query }: StoredResponseRequest,
  { answer, input }: StoredAnswer,
): JsonObject => {
  if (subresource === 'input_items') return pageOfItems(inputWithIds(id, input), new URLSearchParams(query))
  if (subresource === 'cancel')
    throw new GatewayError(
      'invalid_request',
      'Only a response that was created with background: true can be cancelled.',
    )
  return method === 'DELETE' ? { id, object: 'response', deleted: true } : answer
}

/** The target whose vendor stores the response, if the configuration still has that target. */
const storingTargetOf = (
  found: StoredAnswer | undefined,
  caller: Caller,
  id: string,
  runtime: Runtime,
): Target | undefined => {
  const storedAt = found ? found.native && found.target : runtime.answers.pinnedTarget(caller.owner, id)
  if (storedAt) return findTarget(storedAt, runtime.settings.entries)
  return found ? undefined : onlyStoringTarget(runtime)
}

/** If there is at most one key, the only vendor that can store responses is asked for an unknown id. */
const onlyStoringTarget = ({ settings: { keys, entries } }: Runtime): Target | undefined => {
  const nativeEntries = entries.filter(entry =>
    vendorModelsOf(entry).some(model => isNative({ entry, model }, protocol)),
  )
  const [target, ...others] = nativeEntries.flatMap(entry =>
    entry.credentials.map(({ digest }) => `${entry.id}/${digest}/${vendorModelsOf(entry)[0]}`),
  )
  return target !== undefined && others.length === 0 && keys.length <= 1 ? findTarget(target, entries) : undefined
}

/** The names of an entry's models at the vendor. */
const vendorModelsOf = ({ models, redirect, map }: Entry): string[] =>
  [...models, ...redirect.values()].map(name => map.get(name) ?? name)

/** The vendor's body with the model and previous response id that the client knows. */
const withClientNames = (body: JsonObject, found: StoredAnswer | undefined): JsonObject => {
  if (!found || !('model' in body)) return body
  const { model = null, previous_response_id: previous } = found.answer
  return { ...body, model, ...(previous !== undefined && { previous_response_id: previous }) }
}
