/** Requests that name what was said before: where a vendor keeps it, there; else from what was kept here. */

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
import type { RequestRecord } from '../telemetry/request-record.ts'
import type { ClientRequest } from './build-request.ts'
import { fetchStoredResponse } from './fetch-stored.ts'
import type { Runtime } from './runtime.ts'

/** The protocol whose requests can go on from an answer; another path may too. */
const protocol = 'openai-responses'
const resumableProtocols: ReadonlySet<string> = new Set([protocol, 'responses/compact'])

/** `said`: all that leads to the answer, where the request does not say all of it itself. */
export type ResumedRequest = { clientRequest: ClientRequest; plan: Plan; conversation?: Json[] | undefined }

/** What a request names. `items`: what it stands for, if that was kept here; `keeper`: the target whose vendor knows the name. */
type Reference = { items?: Json[]; storedAt?: string; notFound: GatewayError }
type References = ReadonlyMap<string, Reference>
type Unfinished = { id: string; found: StoredAnswer }
type ResumeContext = { record: RequestRecord; runtime: Runtime }

/**
 * What a vendor keeps stays named, and pins the request to the target that has it; all else is told in place of its name.
 * @throws GatewayError `not_found` where the caller has no such answer or item
 */
export const resumePreviousResponse = (
  clientRequest: ClientRequest,
  plan: Plan,
  caller: string,
  context: ResumeContext,
): ResumedRequest | Promise<ResumedRequest> => {
  if (!resumableProtocols.has(clientRequest.protocol.id) || !clientRequest.json) return { clientRequest, plan }
  const { body } = clientRequest.json
  const { runtime } = context
  const references = collectReferences(body, caller, runtime)
  if (references.size === 0) return { clientRequest, plan: pinToWriter(inputItemsOf(body), plan, caller, runtime) }
  const unfinished = unfinishedElsewhere(previousResponseIdOf(body), plan, caller, runtime)
  if (unfinished)
    return refreshUnfinished(unfinished, caller, context).then(() =>
      resumePreviousResponse(clientRequest, plan, caller, context),
    )
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

/** An answer whose vendor is still at work on it, where another is to go on from it. */
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

/** Asks for the answer anew. @throws `invalid_request` where it is still not there */
const refreshUnfinished = async (
  { id, found }: Unfinished,
  caller: string,
  { record, runtime }: ResumeContext,
): Promise<void> => {
  const { entries, timeouts } = runtime.settings
  const target = findTarget(found.target, entries)
  const storedRequest = { id, subresource: '', method: 'GET', query: '' } as const
  const answer = target
    ? await fetchStoredResponse(storedRequest, target, { record, timeouts, redact: runtime.redact })
    : found.answer
  record.throwIfEnded()
  storeAnswer({ ...answer, id, model: found.answer.model ?? null }, found, caller, runtime)
  if (!isUnfinished(answer)) return
  const message = `Response '${id.slice(0, 100)}' is not finished: until it is, only a model of its own vendor can go on from it.`
  throw new GatewayError('invalid_request', message, { param: 'previous_response_id' })
}

/** Everything a request names, by its name. */
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

/** What one credential's vendor keeps or sealed is known to all its models. */
const hasSameCredential = ({ entry, credential }: Target, storedAt: string | undefined): boolean =>
  storedAt?.startsWith(`${entry.id}/${credential.digest}/`) ?? false

const findStoringTarget = (targets: readonly Target[], storedAt: string | undefined): Target | undefined =>
  targets.find(({ id }) => id === storedAt) ?? targets.find(target => hasSameCredential(target, storedAt))

/**
 * The targets whose vendor understands names: the one that keeps what was named last, if anything is kept; every one that might know a name
 * nobody here does. None: everything named is known here. @throws what is nowhere to be found
 */
const storingTargetsFor = (references: References, plan: Plan, { settings }: Runtime): readonly Target[] => {
  const nativeTargets = nativeTargetsOf(plan)
  const all = [...references.values()]
  const storingTarget = all
    .map(reference => findStoringTarget(nativeTargets, reference.storedAt))
    .findLast(target => target !== undefined)
  // Whoever is alone may name what the vendor still knows; of several callers nobody can tell whose it is.
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

/** Who wrote an item that only its writer can read. */
const writerOf = (item: Json, caller: string, runtime: Runtime): string | undefined =>
  sealKeys(item)
    .map(key => runtime.answers.pinnedTarget(caller, key))
    .findLast(target => target !== undefined)

const isReadable = (item: Json, { targets }: Plan, caller: string, runtime: Runtime): boolean => {
  const writer = writerOf(item, caller, runtime)
  return writer === undefined || targets.some(target => hasSameCredential(target, writer))
}

/** What is encrypted is read by nobody but the credential that made it. */
const pinToWriter = (input: Json[], plan: Plan, caller: string, runtime: Runtime): Plan => {
  if (plan.targets.length < 2) return plan
  const writer = input.map(item => writerOf(item, caller, runtime)).findLast(target => target !== undefined)
  const target = findStoringTarget(plan.targets, writer)
  return target ? { ...plan, targets: [target] } : plan
}

/** Keeps the answer of one attempt; undefined where nothing is to be kept. */
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

/** False where nobody keeps it. */
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
