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
import { targetOf } from '../routing/targets.ts'
import type { Answer } from '../store/answers.ts'
import type { RequestRecord } from '../telemetry/request-record.ts'
import type { ClientRequest } from './build-request.ts'
import { askKeeper } from './fetch-stored.ts'
import type { Runtime } from './runtime.ts'

/** The protocol whose requests can go on from an answer; another path may too. */
const protocol = 'openai-responses'
const goingOn: ReadonlySet<string> = new Set([protocol, 'responses/compact'])

/** `said`: all that leads to the answer, where the request does not say all of it itself. */
export type ResumedRequest = { clientRequest: ClientRequest; plan: Plan; said?: Json[] | undefined }

/** What a request names. `items`: what it stands for, if that was kept here; `keeper`: the target whose vendor knows the name. */
type Named = { items?: Json[]; keeper?: string; unknown: GatewayError }
type Names = ReadonlyMap<string, Named>
type Unfinished = { id: string; found: Answer }
type OnTheWay = { record: RequestRecord; runtime: Runtime }

/**
 * What a vendor keeps stays named, and pins the request to the target that has it; all else is told in place of its name.
 * @throws GatewayError `not_found` where the caller has no such answer or item
 */
export const resumePreviousResponse = (
  clientRequest: ClientRequest,
  plan: Plan,
  caller: string,
  way: OnTheWay,
): ResumedRequest | Promise<ResumedRequest> => {
  if (!goingOn.has(clientRequest.protocol.id) || !clientRequest.json) return { clientRequest, plan }
  const { body } = clientRequest.json
  const { runtime } = way
  const names = namesIn(body, caller, runtime)
  if (names.size === 0) return { clientRequest, plan: pinned(inputItemsOf(body), plan, caller, runtime) }
  const unfinished = unfinishedElsewhere(previousResponseIdOf(body), plan, caller, runtime)
  if (unfinished)
    return finish(unfinished, caller, way).then(() => resumePreviousResponse(clientRequest, plan, caller, way))
  const places = placesFor(names, plan, runtime)
  const said = inputItemsOf(expandReferences(body, id => names.get(id)?.items))
  const there = places.length > 0 ? { ...plan, targets: places } : pinned(said, plan, caller, runtime)
  const stays = ({ items, keeper }: Named) => items === undefined || (places.length > 0 && isAt(places[0]!, keeper))
  if ([...names.values()].every(stays)) return { clientRequest, plan: there, said }
  const readable = (item: Json): Json =>
    isReadable(item, there, caller, runtime) ? withoutItemId(item) : withoutEncryptedContent(item)
  const told = expandReferences(preserveExactNumbers(clientRequest.json.text, body), id => {
    const named = names.get(id)
    return named && !stays(named) ? named.items?.map(readable) : undefined
  })
  const [lost] = places.length === 0 ? referencedIds(inputItemsOf(told)) : []
  if (lost !== undefined) throw itemNotFound(lost)
  const json = { body: told, text: JSON.stringify(told), asked: body }
  return { clientRequest: { ...clientRequest, json }, plan: preferSealOrigin(there, json.text), said }
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
  return keeperAmong(nativesOf(plan), found.target) ? undefined : { id, found }
}

/** Asks for the answer anew. @throws `invalid_request` where it is still not there */
const finish = async ({ id, found }: Unfinished, caller: string, { record, runtime }: OnTheWay): Promise<void> => {
  const { entries, timeouts } = runtime.settings
  const target = targetOf(found.target, entries)
  const asked = { id, part: '', method: 'GET', query: '' } as const
  const answer = target ? await askKeeper(asked, target, { record, timeouts, redact: runtime.redact }) : found.answer
  record.check()
  keepAnswer({ ...answer, id, model: found.answer.model ?? null }, found, caller, runtime)
  if (!isUnfinished(answer)) return
  const message = `Response '${id.slice(0, 100)}' is not finished: until it is, only a model of its own vendor can go on from it.`
  throw new GatewayError('invalid_request', message, { param: 'previous_response_id' })
}

/** Everything a request names, by its name. */
const namesIn = (body: JsonObject, caller: string, runtime: Runtime): Names => {
  const names = new Map<string, Named>()
  for (const id of referencedIds(inputItemsOf(body))) {
    const held = runtime.answers.findItem(caller, id)
    const keeper = runtime.answers.pinned(caller, id)
    names.set(id, { ...(held && { items: [held.item] }), ...(keeper && { keeper }), unknown: itemNotFound(id) })
  }
  const id = previousResponseIdOf(body)
  if (id === undefined) return names
  const found = runtime.answers.find(caller, id)
  const items = found && [...found.input, ...outputItemsOf(found.answer)]
  const keeper = found?.native ? found.target : runtime.answers.pinned(caller, id)
  const unknown = responseNotFound(id, 'previous_response_id')
  return names.set(id, { ...(items && { items }), ...(keeper && { keeper }), unknown })
}

const nativesOf = ({ targets }: Plan): Target[] => targets.filter(target => isNative(target, protocol))

/** What one credential's vendor keeps or sealed is known to all its models. */
const isAt = ({ entry, credential }: Target, keeper: string | undefined): boolean =>
  keeper?.startsWith(`${entry.id}/${credential.digest}/`) ?? false

const keeperAmong = (targets: readonly Target[], keeper: string | undefined): Target | undefined =>
  targets.find(({ id }) => id === keeper) ?? targets.find(target => isAt(target, keeper))

/**
 * The targets whose vendor understands names: the one that keeps what was named last, if anything is kept; every one that might know a name
 * nobody here does. None: everything named is known here. @throws what is nowhere to be found
 */
const placesFor = (names: Names, plan: Plan, { settings }: Runtime): readonly Target[] => {
  const natives = nativesOf(plan)
  const named = [...names.values()]
  const keeper = named.map(one => keeperAmong(natives, one.keeper)).findLast(one => one !== undefined)
  // Whoever is alone may name what the vendor still knows; of several callers nobody can tell whose it is.
  const isGuessed = natives.length > 0 && settings.keys.length <= 1
  const lost = named.find(
    one => one.items === undefined && !(one.keeper === undefined ? isGuessed : keeper && isAt(keeper, one.keeper)),
  )
  if (lost) throw lost.unknown
  if (keeper) return [keeper]
  return named.some(({ items }) => items === undefined) ? natives : []
}

/** Who wrote an item that only its writer can read. */
const writerOf = (item: Json, caller: string, runtime: Runtime): string | undefined =>
  sealKeys(item)
    .map(key => runtime.answers.pinned(caller, key))
    .findLast(target => target !== undefined)

const isReadable = (item: Json, { targets }: Plan, caller: string, runtime: Runtime): boolean => {
  const writer = writerOf(item, caller, runtime)
  return writer === undefined || targets.some(target => isAt(target, writer))
}

/** What is encrypted is read by nobody but the credential that made it. */
const pinned = (input: Json[], plan: Plan, caller: string, runtime: Runtime): Plan => {
  if (plan.targets.length < 2) return plan
  const writer = input.map(item => writerOf(item, caller, runtime)).findLast(target => target !== undefined)
  const target = keeperAmong(plan.targets, writer)
  return target ? { ...plan, targets: [target] } : plan
}

/** Keeps the answer of one attempt; undefined where nothing is to be kept. */
export const keeperOf = (
  { clientRequest, said }: Pick<ResumedRequest, 'clientRequest' | 'said'>,
  target: Target,
  caller: string,
  runtime: Runtime,
): StoreResponse | undefined => {
  const { json } = clientRequest
  if (!goingOn.has(clientRequest.protocol.id) || !json) return undefined
  const isAsked = clientRequest.protocol.id === protocol && isStored(json.body)
  return answer => {
    const native = isAsked && isNative(target, protocol) && isStored(answer)
    const about = { input: said ?? inputItemsOf(json.body), target: target.id, native }
    if (isAsked) return keepAnswer(answer, about, caller, runtime)
    pinSealed(answer, target.id, caller, runtime)
    return true
  }
}

const pinSealed = (answer: JsonObject, target: string, caller: string, { answers }: Runtime): void => {
  for (const key of outputItemsOf(answer).flatMap(sealKeys)) answers.pin(caller, key, target)
}

/** False where nobody keeps it. */
export const keepAnswer = (
  answer: JsonObject,
  { input, target, native }: Omit<Answer, 'answer'>,
  caller: string,
  runtime: Runtime,
): boolean => {
  pinSealed(answer, target, caller, runtime)
  if (native)
    for (const name of [answer, ...outputItemsOf(answer)].flatMap(idOf)) runtime.answers.pin(caller, name, target)
  if (typeof answer.id !== 'string') return true
  return runtime.answers.keep(caller, answer.id, { answer, input, target, native }) || native
}

const idOf = (item: Json): string[] => (isObject(item) && typeof item.id === 'string' ? [item.id] : [])
