/**
 * Splits a request into parts. Each part is routed separately and has its own lease; the caller and the logged record
 * are shared. The answers keep their order, and the first failure fails the request.
 */
import { asGatewayError, GatewayError } from '../base/errors.ts'
import { isObject, type JsonObject, parseJson } from '../base/json/json.ts'
import type { MaxItems } from '../config/compiled.ts'
import { tooManyItems } from '../downstream/max-items.ts'
import type { ProtocolId, Usage } from '../ir/chat.ts'
import type { Batch, BatchParts } from '../protocols/protocol.ts'
import { type ClientProtocol, unaryEgressOf } from '../protocols/registry.ts'
import type { Target } from '../providers/entry.ts'
import { chooseProtocol, wireOf } from '../providers/resolve-url.ts'
import type { Plan } from '../routing/router.ts'
import { maxLosses } from '../telemetry/attempt-record.ts'
import type { RequestLifetime, RequestRecords } from '../telemetry/request-lifetime.ts'
import type { RequestRecord } from '../telemetry/request-record.ts'
import type { ClientRequest } from './client-request.ts'

/**
 * Bytes of parts after which their memory is collected. Each part is garbage once it is answered, and the runtime alone
 * lets hundreds of megabytes of it pile up.
 */
const collectEvery = 16 * 1024 * 1024

/** Parts that run at once if the protocol does not specify a number. */
const defaultConcurrency = 4

/** The parts of a request, each made when its turn comes. `requestFor`: the request for the body of a part. */
export type PartRequests = BatchParts & { requestFor(body: JsonObject): ClientRequest }

/**
 * Returns the plan with the targets that accept the request unsplit, or the parts if there are no such targets.
 * @throws GatewayError `invalid_request` if there are too many parts
 */
export const splitBatch = (
  clientRequest: ClientRequest,
  plan: Plan,
  maxItems: MaxItems,
): Plan | { parts: PartRequests; batch: Batch } => {
  const { protocol, json } = clientRequest
  const batch = json && batchOf(protocol)
  if (!json || !batch) return plan
  const maxTexts = plan.targets.map(target => maxTextsAt(target, protocol.id))
  const smallestMax = Math.min(...maxTexts)
  checkPartCount(protocol, json.body, smallestMax, maxItems)
  const bodies = batch.split(json.body, smallestMax)
  if (!bodies) return plan
  // Many targets have one maximum.
  const accepting = new Set([...new Set(maxTexts)].filter(max => !batch.split(json.body, max)))
  const targets = plan.targets.filter((_, index) => accepting.has(maxTexts[index]!))
  if (targets.length > 0) return { ...plan, targets }
  return { parts: { ...bodies, requestFor: body => partRequest(clientRequest, body) }, batch }
}

/** @throws GatewayError `invalid_request` if the request would be split into more parts than allowed */
const checkPartCount = ({ reader }: ClientProtocol, body: JsonObject, maxTexts: number, { parts }: MaxItems): void => {
  const { param, count } = reader.itemCount('inputs', body) ?? { param: '', count: 0 }
  const partCount = count > maxTexts ? Math.ceil(count / maxTexts) : 1
  if (partCount > parts) throw tooManyItems('parts', param, partCount, parts)
}

/** Only a protocol that can be translated splits its requests. */
const batchOf = (protocol: ClientProtocol): Batch | undefined => {
  switch (protocol.kind) {
    case 'chat':
    case 'unary':
      return protocol.batch
    case 'count':
    case 'passthrough':
      return undefined
  }
}

/**
 * The most texts a target accepts in one request, as its vendor documents. Without such a limit it is 1 if the texts
 * are translated to a chat, and unlimited otherwise.
 */
const maxTextsAt = (target: Target, protocol: ProtocolId): number => {
  const { entry, model } = target
  const vendorProtocol = chooseProtocol(target, protocol)
  const found = wireOf(entry)
  const vendorLimit = 'wire' in found ? found.wire.maxTexts?.[vendorProtocol]?.(model) : undefined
  const maxTexts = vendorLimit ?? unaryEgressOf(vendorProtocol)?.maxTexts?.(model)
  return maxTexts ?? (vendorProtocol === protocol || unaryEgressOf(vendorProtocol) ? Number.POSITIVE_INFINITY : 1)
}

/** One part of a request as a request of its own, not streamed. */
const partRequest = (clientRequest: ClientRequest, body: JsonObject): ClientRequest =>
  ({ ...clientRequest, stream: false, json: { body, text: JSON.stringify(body) } }) as ClientRequest

/** Reads the answer to one part. The lifetime is closed when the body has been read. */
type AnswerPart = (part: ClientRequest, lifetime: RequestLifetime) => Promise<string | ReadableStream<Uint8Array>>

/**
 * Answers all parts and returns their bodies in order.
 * @throws GatewayError the first failure of a part; the remaining parts are cancelled
 */
export const answerParts = async (
  parts: PartRequests,
  parent: RequestLifetime,
  records: RequestRecords,
  answerPart: AnswerPart,
  {
    concurrency = defaultConcurrency,
    retry = 0,
    precomputed,
  }: Pick<Batch, 'concurrency' | 'retry' | 'precomputed'> = {},
): Promise<JsonObject[]> => {
  const partRecords = records.forParts()
  const answers: JsonObject[] = []
  const collect = garbageCollector()
  let nextIndex = 0
  const endParts = (error: GatewayError) => {
    for (const lifetime of partRecords.active) lifetime.end(error)
  }
  parent.stopAtEnd({ stop: endParts })

  const answerOnce = async (part: ClientRequest): Promise<JsonObject> => {
    parent.throwIfEnded()
    const lifetime = partRecords.begin(parent.record.method, parent.record.path)
    lifetime.record.caller = parent.record.caller
    lifetime.record.owner = parent.record.owner
    collect(part.json?.text.length ?? 0)
    try {
      return await readJsonBody(await answerPart(part, lifetime))
    } catch (thrown) {
      lifetime.close({ error: asGatewayError(thrown) })
      throw thrown
    } finally {
      mergeRecord(parent.record, lifetime.record)
    }
  }
  const runWorker = async (): Promise<void> => {
    for (let index = nextIndex++; index < parts.count; index = nextIndex++) {
      const body = parts.bodyAt(index)
      answers[index] = precomputed?.(body) ?? (await withRetries(() => answerOnce(parts.requestFor(body)), retry))
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(concurrency, parts.count) }, runWorker))
  } catch (thrown) {
    nextIndex = parts.count
    endParts(new GatewayError('cancelled', 'another part of the request failed'))
    throw thrown
  }
  return answers
}

/** Collects garbage each time `collectEvery` further bytes have become garbage. */
const garbageCollector = (): ((bytes: number) => void) => {
  let uncollected = 0
  return bytes => {
    uncollected += bytes
    if (uncollected < collectEvery) return
    uncollected = 0
    Bun.gc(true)
  }
}

/** Retries up to `maxRetries` times if the failure may be temporary. An invalid request is not retried. */
const withRetries = async <Value>(attempt: () => Promise<Value>, maxRetries: number): Promise<Value> => {
  for (let retriesLeft = maxRetries; ; retriesLeft--)
    try {
      return await attempt()
    } catch (thrown) {
      const { status, code } = asGatewayError(thrown)
      if (retriesLeft <= 0 || code === 'cancelled' || (status < 500 && status !== 429 && status !== 408)) throw thrown
    }
}

const readJsonBody = async (body: string | ReadableStream<Uint8Array>): Promise<JsonObject> => {
  const answer = parseJson(typeof body === 'string' ? body : await new Response(body).text())
  if (isObject(answer)) return answer
  throw new GatewayError('upstream_failed', 'a part of the answer is no JSON object')
}

/** Adds what the record of a part says to the record of the whole request. */
const mergeRecord = (parent: RequestRecord, part: RequestRecord): void => {
  parent.target = part.target
  parent.attempts += part.attempts
  parent.queueTime = Math.max(parent.queueTime, part.queueTime)
  if (part.losses && (parent.losses?.length ?? 0) < maxLosses)
    parent.losses = [...new Set([...(parent.losses ?? []), ...part.losses])].slice(0, maxLosses)
  if (part.usage) parent.usage = addUsage(parent.usage, part.usage)
}

const addUsage = (one: Usage | undefined, other: Usage): Usage => {
  const sum: Record<string, number | boolean> = { ...other }
  for (const [key, value] of Object.entries(one ?? {}))
    sum[key] = typeof value === 'number' ? value + Number(sum[key] ?? 0) : value
  return sum as Usage
}
