/** Answers that are kept are read, listed and deleted by whoever asked for them; where the vendor keeps one, the vendor is asked. */
import { presentedKeys } from '../auth/keys.ts'
import { asGatewayError, GatewayError } from '../base/errors.ts'
import type { JsonObject } from '../base/json/json.ts'
import { addressOf } from '../downstream/json-body.ts'
import { type Asked, askKeeper } from '../gateway/fetch-stored.ts'
import { type Connection, respondError, respondJson } from '../gateway/handle.ts'
import { keepAnswer } from '../gateway/previous-response.ts'
import type { Runtime } from '../gateway/runtime.ts'
import { inputWithIds } from '../protocols/openai-responses/stored/item-references.ts'
import { pageOfItems, responseNotFound } from '../protocols/openai-responses/stored/previous-response.ts'
import { protocols } from '../protocols/registry.ts'
import type { Entry, Target } from '../providers/entry.ts'
import { isNative } from '../providers/resolve-url.ts'
import type { Caller } from '../routing/router.ts'
import { targetOf } from '../routing/targets.ts'
import type { Answer } from '../store/answers.ts'
import type { RequestRecord } from '../telemetry/request-record.ts'

const protocol = 'openai-responses'

/** What an address asks of which answer. */
export type Question = Pick<Asked, 'id' | 'part'>

const address = /^(?:\/v1)?\/responses\/([\w-]{1,200})(?:\/(input_items|cancel))?\/?$/
const methods: Record<Asked['part'], readonly string[]> = {
  '': ['GET', 'DELETE'],
  input_items: ['GET'],
  cancel: ['POST'],
}

/** Undefined where the address is no answer's, or takes another method. */
export const storedAsked = (method: string, path: string): Question | undefined => {
  const [, id, part = ''] = address.exec(path) ?? []
  if (id === undefined || !methods[part as Asked['part']].includes(method)) return undefined
  return { id, part: part as Asked['part'] }
}

/** Never throws. */
export const answerStored = async (
  request: Request,
  asked: Question,
  connection: Connection,
  runtime: Runtime,
): Promise<Response> => {
  const { path, query } = addressOf(request)
  const record = runtime.records.begin(request.method, path)
  request.signal.addEventListener('abort', record)
  try {
    const caller = runtime.auth.identify(presentedKeys(request.headers, query))
    record.caller = caller.id
    const body = await answerTo({ ...asked, method: request.method, query }, caller, record, runtime)
    if (request.method === 'DELETE') runtime.answers.forget(caller.id, asked.id)
    return respondJson(body, record, runtime)
  } catch (thrown) {
    const error = record.ended ?? asGatewayError(thrown)
    if (error.code === 'unauthorized') record.address = connection.address()
    return respondError(error, protocols.get(protocol)!, record, runtime)
  }
}

const answerTo = async (asked: Asked, caller: Caller, record: RequestRecord, runtime: Runtime): Promise<JsonObject> => {
  const found = runtime.answers.find(caller.id, asked.id)
  const target = keeperOf(found, caller, asked.id, runtime)
  if (!target && found) return tell(asked, found)
  if (!target) throw responseNotFound(asked.id)
  const { timeouts } = runtime.settings
  const body = named(await askKeeper(asked, target, { record, timeouts, redact: runtime.redact }), found)
  // What was begun in the background may have ended since.
  if (found && body.object === 'response' && body.id === asked.id && asked.method !== 'DELETE')
    keepAnswer(body, found, caller.id, runtime)
  return body
}

const tell = ({ id, part, method, query }: Asked, { answer, input }: Answer): JsonObject => {
  if (part === 'input_items') return pageOfItems(inputWithIds(id, input), new URLSearchParams(query))
  if (part === 'cancel')
    throw new GatewayError(
      'invalid_request',
      'Only a response that was created with background: true can be cancelled.',
    )
  return method === 'DELETE' ? { id, object: 'response', deleted: true } : answer
}

/** The target whose vendor keeps the answer, if it is still there. */
const keeperOf = (found: Answer | undefined, caller: Caller, id: string, runtime: Runtime): Target | undefined => {
  const keeper = found ? found.native && found.target : runtime.answers.pinned(caller.id, id)
  if (keeper) return targetOf(keeper, runtime.settings.entries)
  return found ? undefined : onlyKeeper(runtime)
}

/** Whoever is alone may ask the only vendor that could keep what nobody here knows. */
const onlyKeeper = ({ settings: { keys, entries } }: Runtime): Target | undefined => {
  const able = entries.filter(entry => modelsOf(entry).some(model => isNative({ entry, model }, protocol)))
  const [target, ...others] = able.flatMap(entry =>
    entry.credentials.map(({ digest }) => `${entry.id}/${digest}/${modelsOf(entry)[0]}`),
  )
  return target !== undefined && others.length === 0 && keys.length <= 1 ? targetOf(target, entries) : undefined
}

/** As the vendor names them. */
const modelsOf = ({ models, redirect, map }: Entry): string[] =>
  [...models, ...redirect.values()].map(name => map.get(name) ?? name)

/** The vendor's word, in the names the client knows. */
const named = (body: JsonObject, found: Answer | undefined): JsonObject => {
  if (!found || !('model' in body)) return body
  const { model = null, previous_response_id: previous } = found.answer
  return { ...body, model, ...(previous !== undefined && { previous_response_id: previous }) }
}
