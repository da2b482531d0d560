/**
 * Sends one tiny request to one target through the gateway's normal path: a runtime whose only target is this one
 * answers it.
 */
import { createClientAddresses } from '../../auth/client-address.ts'
import { createAuth } from '../../auth/keys.ts'
import type { GatewayError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json/json.ts'
import type { Redact } from '../../base/redact.ts'
import type { CompiledConfig } from '../../config/compiled.ts'
import type { Usage } from '../../ir/chat.ts'
import type { Limits } from '../../limits/limits.ts'
import { clientProtocolOf } from '../../protocols/registry.ts'
import type { Target } from '../../providers/entry.ts'
import { chooseProtocol, urlOf } from '../../providers/resolve-url.ts'
import { OvertakeBudget } from '../../routing/overtake-budget.ts'
import { RetryBudget } from '../../routing/retry-budget.ts'
import type { Log } from '../../telemetry/log.ts'
import { type RequestLifetime, RequestRecords } from '../../telemetry/request-lifetime.ts'
import type { RequestOutcome } from '../../telemetry/request-record.ts'
import type { VendorConnections } from '../../upstream/connection/connections.ts'
import { environmentProxy, originOf } from '../../upstream/connection/proxy.ts'
import { type Connection, handleRequest } from '../handle.ts'
import { createLongLivedState, type Runtime } from '../runtime.ts'
import { StreamUsage } from '../stream-usage.ts'
import type { ProbeProtocol } from './targets.ts'
import { type Verdict, verdictOf } from './verdict.ts'

/** `milliseconds` does not include the wait for a configured limit. */
export type ProbeResult = { milliseconds: number; usage?: Usage } & (
  | { result: 'ok' }
  | { result: 'failed'; verdict: Verdict }
  | { result: 'skipped'; reason: string }
)

export type ProbeContext = { settings: CompiledConfig; limits: Limits; connections: VendorConnections; redact: Redact }

/** Maximum tokens of an answer. One word needs fewer, but some vendors refuse smaller values. */
const maxTokens = 16

/** Sends one request, and a simplified one if the vendor refused a parameter of the first. Never throws. */
export const probeTarget = async (
  target: Target,
  probeProtocol: ProbeProtocol,
  signal: AbortSignal,
  context: ProbeContext,
): Promise<ProbeResult> => {
  let body: JsonObject | undefined = bodyOf(target.model, probeProtocol)
  for (;;) {
    const { error, lifetime } = await sendRequest(body, target, probeProtocol, signal, context)
    const milliseconds =
      (lifetime.record.timeToFirstContent ?? performance.now() - lifetime.record.startedAt) - lifetime.record.queueTime
    if (error === undefined)
      return { result: 'ok', milliseconds, ...(lifetime.record.usage && { usage: lifetime.record.usage }) }
    if (error.code === 'cancelled') return { result: 'skipped', reason: 'interrupted', milliseconds }
    if (error.code === 'limited') return { result: 'skipped', reason: error.message, milliseconds }
    body = simplifyRequest(body, error)
    if (body === undefined)
      return { result: 'failed', verdict: verdictOf(error, endpointOf(target, probeProtocol)), milliseconds }
  }
}

const bodyOf = (model: string, probeProtocol: ProbeProtocol): JsonObject =>
  probeProtocol === 'embeddings'
    ? { model, input: 'Hi' }
    : { model, messages: [{ role: 'user', content: 'Hi' }], max_tokens: maxTokens }

/** Drops or adds one parameter: newer models of OpenAI refuse `max_tokens`; some models of Alibaba only stream. */
const simplifyRequest = (body: JsonObject, { code, message }: GatewayError): JsonObject | undefined => {
  if (code !== 'upstream_refused' || body['messages'] === undefined) return undefined
  const { max_tokens, ...rest } = body
  if (max_tokens !== undefined && /max_(completion_)?tokens/.test(message)) return rest
  if (body['stream'] === undefined && /\bstream|enable_thinking/i.test(message)) return { ...body, stream: true }
  return undefined
}

type ProbeAnswer = { error: GatewayError | undefined; lifetime: RequestLifetime }

const sendRequest = async (
  body: JsonObject,
  target: Target,
  probeProtocol: ProbeProtocol,
  signal: AbortSignal,
  context: ProbeContext,
): Promise<ProbeAnswer> => {
  const records = new CapturingRecords(silentLog)
  const protocol = clientProtocolOf(probeProtocol)
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), signal }
  const request = new Request('http://localhost/v1', init)
  const response = await handleRequest(
    request,
    { protocol, query: '' },
    noConnection,
    runtimeFor(target, records, context),
  )
  await response.arrayBuffer().catch(() => undefined)
  const { lifetime, outcome } = records.captured!
  return { lifetime, error: lifetime.endReason ?? outcome.error }
}

const noConnection: Connection = {
  disableTimeout: () => {},
  restoreTimeout: () => {},
  closeSoon: () => {},
  address: () => undefined,
}
const silentLog: Log = { write: () => {}, flush: () => {}, configure: () => {} }

/** Captures the request instead of logging it. */
class CapturingRecords extends RequestRecords {
  captured: { lifetime: RequestLifetime; outcome: RequestOutcome } | undefined

  override finish(lifetime: RequestLifetime, outcome: RequestOutcome): void {
    this.active.delete(lifetime)
    this.captured = { lifetime, outcome }
  }
}

const runtimeFor = (
  target: Target,
  records: RequestRecords,
  { settings, limits, connections, redact }: ProbeContext,
): Runtime => ({
  ...createLongLivedState(silentLog, { limits, records, connections }),
  settings: { ...settings, retry: { ...settings.retry, attempts: 1 } },
  auth: createAuth([]),
  openAccess: () => undefined,
  clientAddresses: createClientAddresses(settings.access),
  router: {
    plan: () => ({ model: target.model, targets: [target] }),
    list: () => [],
    find: id => ({ id }),
    table: () => [],
  },
  streamUsage: new StreamUsage(),
  retryBudget: new RetryBudget(0),
  overtakeBudget: new OvertakeBudget(),
  targetsWithoutCount: new WeakSet(),
  redact,
})

const endpointOf = (target: Target, probeProtocol: ProbeProtocol) => {
  const origin = originOf(urlOf(target, chooseProtocol(target, probeProtocol)))
  const { proxy } = target.entry
  const isProxied =
    typeof proxy === 'string' || (proxy === undefined && environmentProxy(origin, process.env) !== undefined)
  return { host: URL.parse(origin)?.host ?? 'the vendor', isProxied }
}
