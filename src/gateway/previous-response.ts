/**
 * Resumes requests that refer to an earlier response or its items. They go to the vendor that stores the response, or
 * the gateway inserts its own copy.
 */

import { GatewayError } from '../base/errors.ts'
import { preserveExactNumbers } from '../base/json/exact-numbers.ts'
import { isObject, type Json, type JsonObject } from '../base/json/json.ts'
import {
  expandReferences,
  itemNotFound,
  referencedIds,
  withoutEncryptedContent,
  withoutItemId,
} from '../protocols/openai-responses/stored/item-references.ts'
import {
  inputItemsOf,
  isStored,
  isUnfinished,
  outputItemsOf,
  previousResponseIdOf,
  responseNotFound,
  sealKeys,
} from '../protocols/openai-responses/stored/previous-response.ts'
import type { StoreResponse } from '../protocols/openai-responses/stored/store-response.ts'
import type { Target } from '../providers/entry.ts'
import { isNative } from '../providers/resolve-url.ts'
import type { Plan } from '../routing/router.ts'
import { preferSealOrigin } from '../routing/seal-affinity.ts'
import { findTarget } from '../routing/targets.ts'
import type { StoredAnswer } from '../store/answers.ts'
import type { RequestLifetime } from '../telemetry/request-lifetime.ts'
import type { ClientRequest } from './client-request.ts'
import { fetchStoredResponse } from './fetch-stored.ts'
import type { Runtime } from './runtime.ts'

/** The protocol whose requests can refer to an earlier response. A second path can do so too. */
const protocol = 'openai-responses'
const resumableProtocols: ReadonlySet<string> = new Set([protocol, 'responses/compact'])

/**
 * `conversation`: the whole input, including what the request only refers to. Undefined if the request refers to
 * nothing.
 */
type ResumedRequest = { clientRequest: ClientRequest; plan: Plan; conversation?: Json[] | undefined }

/**
 * What a request refers to. `items`: its content, if the gateway has stored it. `storedAt`: the target whose vendor
 * knows the id.
 */
type Reference = { items?: Json[]; storedAt?: string; notFound: GatewayError }
type References = ReadonlyMap<string, Reference>
type Unfinished = { id: string; found: StoredAnswer }
type ResumeContext = { lifetime: RequestLifetime; runtime: Runtime }

/**
 * Resolves the references of a request. A reference to something a vendor stores is kept, and the request is pinned to
 * the target that has it. All other references are replaced by their content.
 * @throws GatewayError `not_found` if the caller has no such response or item
 */
export const resumePreviousResponse = async (
  clientRequest: ClientRequest,
  plan: Plan,
  caller: string,
  context: ResumeContext,
): Promise<ResumedRequest> => {
  if (!resumableProtocols.has(clientRequest.protocol.id) || !clientRequest.json) return { clientRequest, plan }
  const { body } = clientRequest.json
  const { runtime } = context
  const references = collectReferences(body, caller, runtime)
  if (references.size === 0) return { clientRequest, plan: pinToWriter(inputItemsOf(body), plan, caller, runtime) }
  const unfinished = unfinishedElsewhere(previousResponseIdOf(body), plan, caller, runtime)
  if (unfinished) {
    await refreshUnfinished(unfinished, caller, context)
    return resumePreviousResponse(clientRequest, plan, caller, context)
  }
  const storingTargets = storingTargetsFor(references, plan, runtime)
  const conversation = inputItemsOf(expandReferences(body, id => references.get(id)?.items))
  const pinnedPlan =
    storingTargets.length > 0 ? { ...plan, targets: storingTargets } : pinToWriter(conversation, plan, caller, runtime)
  const canKeepReference = ({ items, storedAt }: Reference) =>
    items === undefined || (storingTargets.length > 0 && hasSameCredential(storingTargets[0]!, storedAt))
  if ([...references.values()].every(canKeepReference)) return { clientRequest, plan: pinnedPlan, conversation }
  const makeReadable = (item: Json): Json =>
    isReadable(item, pinnedPlan, caller, runtime) ? withoutItemId(item) : withoutEncryptedContent(item)
  const expanded = expandReferences(preserveExactNumbers(clientRequest.json.text, body), id => {
    const reference = references.get(id)
    return reference && !canKeepReference(reference) ? reference.items?.map(makeReadable) : undefined
  })
  const [unresolved] = storingTargets.length === 0 ? referencedIds(inputItemsOf(expanded)) : []
  if (unresolved !== undefined) throw itemNotFound(unresolved)
  const json = { body: expanded, text: JSON.stringify(expanded), original: body }
  return { clientRequest: { ...clientRequest, json }, plan: preferSealOrigin(pinnedPlan, json.text), conversation }
}

/** A response that its vendor is still working on, when another vendor is to continue from it. */
const unfinishedElsewhere = (
  id: string | undefined,
  plan: Plan,
  caller: string,
  { answers }: Runtime,
): Unfinished | undefined => {
  const found = id === undefined ? undefined : answers.find(caller, id)
  if (!found || id === undefined || !isUnfinished(found.answer)) return undefined
  return findStoringTarget(nativeTargetsOf(plan), found.target) ? undefined : { id, found }
}

/**
 * Fetches the response again and stores it.
 * @throws GatewayError `invalid_request` if it is still not finished
 */
const refreshUnfinished = async (
  { id, found }: Unfinished,
  caller: string,
  { lifetime, runtime }: ResumeContext,
): Promise<void> => {
  const target = findTarget(found.target, runtime.settings.entries)
  const storedRequest = { id, subresource: '', method: 'GET', query: '' } as const
  const answer = target ? await fetchStoredResponse(storedRequest, target, { lifetime, runtime }) : found.answer
  lifetime.throwIfEnded()
  storeAnswer({ ...answer, id, model: found.answer.model ?? null }, found, caller, runtime)
  if (!isUnfinished(answer)) return
  const message = `Response '${id.slice(0, 100)}' is not finished: until it is, only a model of its own vendor can go on from it.`
  throw new GatewayError('invalid_request', message, { param: 'previous_response_id' })
}

/** Everything a request refers to, by id. */
const collectReferences = (body: JsonObject, caller: string, runtime: Runtime): References => {
  const references = new Map<string, Reference>()
  for (const id of referencedIds(inputItemsOf(body))) {
    const storedItem = runtime.answers.findItem(caller, id)
    const storedAt = runtime.answers.pinnedTarget(caller, id)
    references.set(id, {
      ...(storedItem && { items: [storedItem.item] }),
      ...(storedAt && { storedAt }),
      notFound: itemNotFound(id),
    })
  }
  const id = previousResponseIdOf(body)
  if (id === undefined) return references
  const found = runtime.answers.find(caller, id)
  const items = found && [...found.input, ...outputItemsOf(found.answer)]
  const storedAt = found?.native ? found.target : runtime.answers.pinnedTarget(caller, id)
  const notFound = responseNotFound(id, 'previous_response_id')
  return references.set(id, { ...(items && { items }), ...(storedAt && { storedAt }), notFound })
}

const nativeTargetsOf = ({ targets }: Plan): Target[] => targets.filter(target => isNative(target, protocol))

/** What a vendor stores or seals for one credential is available to all models of that credential. */
const hasSameCredential = ({ entry, credential }: Target, storedAt: string | undefined): boolean =>
  storedAt?.startsWith(`${entry.id}/${credential.digest}/`) ?? false

const findStoringTarget = (targets: readonly Target[], storedAt: string | undefined): Target | undefined =>
  targets.find(({ id }) => id === storedAt) ?? targets.find(target => hasSameCredential(target, storedAt))

/**
 * The targets that understand the references. If a vendor stores something, it is the one target that stores the last
 * of them. If the gateway does not know a reference, it is every target whose vendor might know it.
 * Empty if the gateway has the content of every reference.
 * @throws GatewayError `not_found` if a reference cannot be resolved
 */
const storingTargetsFor = (references: References, plan: Plan, { settings }: Runtime): readonly Target[] => {
  const nativeTargets = nativeTargetsOf(plan)
  const all = [...references.values()]
  const storingTarget = all
    .map(reference => findStoringTarget(nativeTargets, reference.storedAt))
    .findLast(target => target !== undefined)
  // A single caller may refer to what only the vendor knows. With several callers the gateway cannot tell to whom a
  // response belongs.
  const canAskVendors = nativeTargets.length > 0 && settings.keys.length <= 1
  const unresolved = all.find(
    reference =>
      reference.items === undefined &&
      !(reference.storedAt === undefined
        ? canAskVendors
        : storingTarget && hasSameCredential(storingTarget, reference.storedAt)),
  )
  if (unresolved) throw unresolved.notFound
  if (storingTarget) return [storingTarget]
  return all.some(({ items }) => items === undefined) ? nativeTargets : []
}

/** The id of the target that wrote an item which only this target can read. */
const writerOf = (item: Json, caller: string, runtime: Runtime): string | undefined =>
  sealKeys(item)
    .map(key => runtime.answers.pinnedTarget(caller, key))
    .findLast(target => target !== undefined)

const isReadable = (item: Json, { targets }: Plan, caller: string, runtime: Runtime): boolean => {
  const writer = writerOf(item, caller, runtime)
  return writer === undefined || targets.some(target => hasSameCredential(target, writer))
}

/** Only the credential that produced encrypted content can read it, so the request is pinned to that target. */
const pinToWriter = (input: Json[], plan: Plan, caller: string, runtime: Runtime): Plan => {
  if (plan.targets.length < 2) return plan
  const writer = input.map(item => writerOf(item, caller, runtime)).findLast(target => target !== undefined)
  const target = findStoringTarget(plan.targets, writer)
  return target ? { ...plan, targets: [target] } : plan
}

/** Returns a function that stores the response of one attempt, or undefined if nothing is to be stored. */
export const storeResponseFor = (
  { clientRequest, conversation }: Pick<ResumedRequest, 'clientRequest' | 'conversation'>,
  target: Target,
  caller: string,
  runtime: Runtime,
): StoreResponse | undefined => {
  const { json } = clientRequest
  if (!resumableProtocols.has(clientRequest.protocol.id) || !json) return undefined
  const shouldStore = clientRequest.protocol.id === protocol && isStored(json.body)
  return answer => {
    const native = shouldStore && isNative(target, protocol) && isStored(answer)
    const details = { input: conversation ?? inputItemsOf(json.body), target: target.id, native }
    if (shouldStore) return storeAnswer(answer, details, caller, runtime)
    pinSealedItems(answer, target.id, caller, runtime)
    return true
  }
}

const pinSealedItems = (answer: JsonObject, target: string, caller: string, { answers }: Runtime): void => {
  for (const key of outputItemsOf(answer).flatMap(sealKeys)) answers.pinTarget(caller, key, target)
}

/**
 * Stores a response and remembers which target knows its items. Returns false if neither the gateway nor the vendor
 * stores it.
 */
export const storeAnswer = (
  answer: JsonObject,
  { input, target, native }: Omit<StoredAnswer, 'answer'>,
  caller: string,
  runtime: Runtime,
): boolean => {
  pinSealedItems(answer, target, caller, runtime)
  if (native)
    for (const name of [answer, ...outputItemsOf(answer)].flatMap(idOf)) runtime.answers.pinTarget(caller, name, target)
  if (typeof answer.id !== 'string') return true
  return runtime.answers.keep(caller, answer.id, { answer, input, target, native }) || native
}

const idOf = (item: Json): string[] => (isObject(item) && typeof item.id === 'string' ? [item.id] : [])
