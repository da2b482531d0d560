/** A request that is several: each part goes its own way with a ticket of its own, under one caller and one record. Order is kept, the first failure decides. */
import { asGatewayError, GatewayError } from '../base/errors.ts'
import { isObject, type JsonObject, parseJson } from '../base/json/json.ts'
import type { ProtocolId, Usage } from '../ir/chat.ts'
import type { Batch } from '../protocols/protocol.ts'
import { unaryEgressOf } from '../protocols/registry.ts'
import type { Target } from '../providers/entry.ts'
import { chooseProtocol, wireOf } from '../providers/resolve-url.ts'
import type { Plan } from '../routing/router.ts'
import type { RequestRecord, RequestRecords } from '../telemetry/request-record.ts'
import type { ClientRequest } from './build-request.ts'

/** Parts that are under way at once, where nobody says otherwise. */
const ordinary = 4

/** The plan for a request that is one, for a target that takes it whole; or its parts. */
export const splitBatch = (clientRequest: ClientRequest, plan: Plan): Plan | { parts: ClientRequest[] } => {
  const { protocol, json } = clientRequest
  const batch = json && 'batch' in protocol ? protocol.batch : undefined
  if (!batch) return plan
  const split = (most: number) => batch.split(json!.body, most)
  const least = Math.min(...plan.targets.map(target => mostAt(target, protocol.id)))
  const bodies = split(least)
  if (!bodies) return plan
  const targets = plan.targets.filter(target => !split(mostAt(target, protocol.id)))
  return targets.length > 0 ? { ...plan, targets } : { parts: bodies.map(body => partOf(clientRequest, body)) }
}

/** How many texts a target takes at once: as the vendor documents it; without a word, what is told as a chat is one, and all else has no bound. */
const mostAt = (target: Target, protocol: ProtocolId): number => {
  const { entry, model } = target
  const spoken = chooseProtocol(target, protocol)
  const found = wireOf(entry)
  const own = 'wire' in found ? found.wire.maxTexts?.[spoken]?.(model) : undefined
  const most = own ?? unaryEgressOf(spoken)?.maxTexts?.(model)
  return most ?? (spoken === protocol || unaryEgressOf(spoken) ? Number.POSITIVE_INFINITY : 1)
}

/** One part of a request as a request of its own, which is not streamed. */
export const partOf = (clientRequest: ClientRequest, body: JsonObject): ClientRequest =>
  ({ ...clientRequest, stream: false, json: { body, text: JSON.stringify(body) } }) as ClientRequest

/** Answers one part; its trail is closed when it is over. */
type Answer = (part: ClientRequest, record: RequestRecord) => Promise<Response>

/** @throws what the first part failed with; the others are ended. */
export const answerEach = async (
  parts: readonly ClientRequest[],
  whole: RequestRecord,
  records: RequestRecords,
  answer: Answer,
  { concurrency = ordinary, retry = 0, precomputed }: Pick<Batch, 'concurrency' | 'retry' | 'precomputed'> = {},
): Promise<JsonObject[]> => {
  const own = records.parts()
  const answers: JsonObject[] = []
  let next = 0
  const end = (error: GatewayError) => {
    for (const record of own.open) record.end(error)
  }
  whole.cancellable = { stop: end }

  const once = async (part: ClientRequest): Promise<JsonObject> => {
    whole.check()
    const record = own.begin(whole.method, whole.path)
    record.caller = whole.caller
    try {
      return await bodyOf(await answer(part, record))
    } catch (thrown) {
      record.close({ error: asGatewayError(thrown) })
      throw thrown
    } finally {
      gather(whole, record)
    }
  }
  const work = async (): Promise<void> => {
    for (let index = next++; index < parts.length; index = next++) {
      const part = parts[index]!
      answers[index] = (part.json && precomputed?.(part.json.body)) ?? (await again(() => once(part), retry))
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(concurrency, parts.length) }, work))
  } catch (thrown) {
    next = parts.length
    end(new GatewayError('cancelled', 'another part of the request failed'))
    throw thrown
  }
  return answers
}

/** Tries once more, up to `times`, where a failure may pass: what the client asked wrongly stays wrong. */
const again = async <Value>(attempt: () => Promise<Value>, times: number): Promise<Value> => {
  for (let left = times; ; left--)
    try {
      return await attempt()
    } catch (thrown) {
      const { status, code } = asGatewayError(thrown)
      if (left <= 0 || code === 'cancelled' || (status < 500 && status !== 429 && status !== 408)) throw thrown
    }
}

const bodyOf = async (response: Response): Promise<JsonObject> => {
  const body = parseJson(await response.text())
  if (isObject(body)) return body
  throw new GatewayError('upstream_failed', 'a part of the answer is no JSON object')
}

/** What the record tells of the parts. */
const gather = (whole: RequestRecord, part: RequestRecord): void => {
  whole.target = part.target
  whole.attempts += part.attempts
  whole.queued = Math.max(whole.queued, part.queued)
  if (part.losses) whole.losses = [...new Set([...(whole.losses ?? []), ...part.losses])]
  if (part.usage) whole.usage = added(whole.usage, part.usage)
}

const added = (one: Usage | undefined, other: Usage): Usage => {
  const sum: Record<string, number | boolean> = { ...other }
  for (const [key, value] of Object.entries(one ?? {}))
    sum[key] = typeof value === 'number' ? value + Number(sum[key] ?? 0) : value
  return sum as Usage
}
