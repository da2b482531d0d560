/** Answers that are kept are read, listed and deleted by whoever asked for them; where the vendor keeps one, the vendor is asked. */
import { presentedKeys } from './auth.ts'
import { asGatewayError, GatewayError } from './errors.ts'
import { type Connection, explain, told } from './gateway.ts'
import { isObject, type JsonObject, parseJson } from './ir/json.ts'
import { egressOf, protocols } from './protocols/index.ts'
import { pageOf, unknownAnswer } from './protocols/openai-responses/chain.ts'
import { addressOf as addressAt, wireOf } from './providers/address.ts'
import type { Target } from './providers/entry.ts'
import type { Outgoing } from './providers/provider.ts'
import type { Trail } from './record.ts'
import type { Caller } from './routing/plan.ts'
import type { Runtime } from './runtime.ts'
import type { Answer } from './store/answers.ts'
import { Call } from './upstream/call.ts'
import { addressOf } from './upstream/intake.ts'
import { readError, readText } from './upstream/read.ts'
import { version } from './version.ts'

const protocol = 'openai-responses'

/** What an address asks of which answer. */
export type Asked = { id: string; part: '' | 'input_items' | 'cancel' }

const address = /^(?:\/v1)?\/responses\/([\w-]{1,200})(?:\/(input_items|cancel))?\/?$/
const methods: Record<Asked['part'], readonly string[]> = {
  '': ['GET', 'DELETE'],
  input_items: ['GET'],
  cancel: ['POST'],
}

/** Undefined where the address is no answer's, or takes another method. */
export const storedAsked = (method: string, path: string): Asked | undefined => {
  const [, id, part = ''] = address.exec(path) ?? []
  if (id === undefined || !methods[part as Asked['part']].includes(method)) return undefined
  return { id, part: part as Asked['part'] }
}

/** Never throws. */
export const answerStored = async (
  request: Request,
  asked: Asked,
  connection: Connection,
  run: Runtime,
): Promise<Response> => {
  const { path, query } = addressOf(request)
  const trail = run.records.begin(request.method, path)
  request.signal.addEventListener('abort', trail.cancel)
  try {
    const caller = run.auth.identify(presentedKeys(request.headers, query))
    trail.caller = caller.id
    const found = run.answers.find(caller.id, asked.id)
    if (!found) throw unknownAnswer(asked.id)
    const target = found.native ? keeperOf(found, caller, run) : undefined
    const wanted = { ...asked, method: request.method, query }
    const body = target ? await askVendor(wanted, target, found, trail, run) : tell(wanted, found)
    if (request.method === 'DELETE') run.answers.forget(caller.id, asked.id)
    return told(body, trail, run)
  } catch (thrown) {
    const error = trail.ended ?? asGatewayError(thrown)
    if (error.code === 'unauthorized') trail.address = connection.address()
    return explain(error, protocols.get(protocol)!, trail, run)
  }
}

type Wanted = Asked & { method: string; query: string }

const tell = ({ id, part, method, query }: Wanted, { answer, input }: Answer): JsonObject => {
  if (part === 'input_items') return pageOf(id, input, new URLSearchParams(query))
  if (part === 'cancel')
    throw new GatewayError(
      'invalid_request',
      'Only a response that was created with background: true can be cancelled.',
    )
  return method === 'DELETE' ? { id, object: 'response', deleted: true } : answer
}

/** The target that gave the answer, if it is still there. */
const keeperOf = ({ answer, target }: Answer, caller: Caller, run: Runtime): Target | undefined => {
  const model = typeof answer.model === 'string' ? answer.model : undefined
  const { targets } = run.router.plan({ model, protocol, caller, affinity: () => '' })
  return targets.find(({ id }) => id === target)
}

/** @throws the vendor's refusal */
const askVendor = async (
  wanted: Wanted,
  target: Target,
  { answer }: Answer,
  trail: Trail,
  run: Runtime,
): Promise<JsonObject> => {
  const found = wireOf(target.entry)
  if ('unbuilt' in found) throw new GatewayError('internal', `service "${target.entry.id}" cannot be spoken to`)
  const headers = new Headers({ 'user-agent': `simple-one-api/${version}`, ...target.entry.headers })
  const outgoing: Outgoing = {
    url: below(addressAt(target, protocol), wanted),
    method: wanted.method,
    headers,
    body: undefined,
  }
  await found.wire.sign(outgoing, target)
  const { connect, firstByte, idle } = run.settings.timeouts
  const call = new Call(outgoing, undefined, target, found.wire, { connect, firstByte, idle, whole: true })
  trail.stop = call.stop
  trail.target = target.id
  const answered = await call.answered()
  const { status, headers: head, ok } = answered.response
  if (!ok) throw egressOf(protocol)!.parseError(status, head, await readError(answered), { scrub: run.scrub })
  const body = parseJson(await readText(answered, idle))
  if (!isObject(body)) throw new GatewayError('upstream_failed', 'the vendor answered with no JSON object')
  return 'model' in body ? { ...body, model: answer.model ?? null } : body
}

/** Of the client's question only what concerns items goes on. */
const below = (url: string, { id, part, query }: Wanted): string => {
  const at = new URL(url)
  at.pathname += `/${id}${part && `/${part}`}`
  for (const [name, value] of new URLSearchParams(query))
    if (['limit', 'order', 'after', 'include', 'include[]'].includes(name)) at.searchParams.append(name, value)
  return at.href
}
