/** One tiny request to one target, on the way every request goes: a gateway whose only target it is answers it. */
import { createAuth } from '../../auth/keys.ts'
import type { GatewayError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json/json.ts'
import type { Redact } from '../../base/redact.ts'
import type { Compiled } from '../../config/compiled.ts'
import type { Usage } from '../../ir/chat.ts'
import type { Limits } from '../../limits/limits.ts'
import { passthroughOnly, protocols } from '../../protocols/registry.ts'
import type { Target } from '../../providers/entry.ts'
import { chooseProtocol, urlOf } from '../../providers/resolve-url.ts'
import { createAnswerStore } from '../../store/answers.ts'
import { createSealStore } from '../../store/seals.ts'
import type { Log } from '../../telemetry/log.ts'
import { type Outcome, type RequestRecord, RequestRecords } from '../../telemetry/request-record.ts'
import { environmentProxy, originOf } from '../../upstream/connection/proxy.ts'
import { type Connection, handleRequest } from '../handle.ts'
import type { Runtime } from '../runtime.ts'
import type { Asked } from './targets.ts'
import { type Verdict, verdictOf } from './verdict.ts'

/** `milliseconds` without the wait for a limit of the configuration. */
export type Result = { milliseconds: number; usage?: Usage } & (
  | { result: 'ok' }
  | { result: 'failed'; verdict: Verdict }
  | { result: 'skipped'; why: string }
)

export type Terms = { settings: Compiled; limits: Limits; redact: Redact }

/** Tokens of an answer; more than a word needs, for some vendors refuse fewer. */
const mostTokens = 16

/** Asks once; again only where the vendor refused the smallness of the question and not the question. Never throws. */
export const ask = async (target: Target, asks: Asked, signal: AbortSignal, terms: Terms): Promise<Result> => {
  let body: JsonObject | undefined = bodyOf(target.model, asks)
  for (;;) {
    const { error, record } = await answer(body, target, asks, signal, terms)
    const milliseconds = (record.first ?? performance.now() - record.started) - record.queued
    if (error === undefined) return { result: 'ok', milliseconds, ...(record.usage && { usage: record.usage }) }
    if (error.code === 'cancelled') return { result: 'skipped', why: 'interrupted', milliseconds }
    if (error.code === 'limited') return { result: 'skipped', why: error.message, milliseconds }
    body = easier(body, error)
    if (body === undefined) return { result: 'failed', verdict: verdictOf(error, placeOf(target, asks)), milliseconds }
  }
}

const bodyOf = (model: string, asks: Asked): JsonObject =>
  asks === 'embeddings'
    ? { model, input: 'Hi' }
    : { model, messages: [{ role: 'user', content: 'Hi' }], max_tokens: mostTokens }

/** Newer models of OpenAI refuse `max_tokens`; some of Alibaba's only stream. */
const easier = (body: JsonObject, { code, message }: GatewayError): JsonObject | undefined => {
  if (code !== 'upstream_refused' || body['messages'] === undefined) return undefined
  const { max_tokens, ...rest } = body
  if (max_tokens !== undefined && /max_(completion_)?tokens/.test(message)) return rest
  if (body['stream'] === undefined && /\bstream|enable_thinking/i.test(message)) return { ...body, stream: true }
  return undefined
}

type Answer = { error: GatewayError | undefined; record: RequestRecord }

const answer = async (
  body: JsonObject,
  target: Target,
  asks: Asked,
  signal: AbortSignal,
  terms: Terms,
): Promise<Answer> => {
  const records = new Notes(silent)
  const protocol = protocols.get(asks) ?? passthroughOnly.get(asks)!
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), signal }
  const request = new Request('http://localhost/v1', init)
  const response = await handleRequest(request, { protocol, query: '' }, connection, runtimeFor(target, records, terms))
  await response.arrayBuffer().catch(() => undefined)
  const { record, outcome } = records.noted!
  return { record, error: record.ended ?? outcome.error }
}

const connection: Connection = { wait: () => {}, hangUp: () => {}, address: () => undefined }
const silent: Log = { write: () => {}, flush: () => {}, configure: () => {} }

/** Keeps the record in place of writing it. */
class Notes extends RequestRecords {
  noted: { record: RequestRecord; outcome: Outcome } | undefined

  override finish(record: RequestRecord, outcome: Outcome): void {
    this.open.delete(record)
    this.noted = { record, outcome }
  }
}

const runtimeFor = (target: Target, records: RequestRecords, { settings, limits, redact }: Terms): Runtime => ({
  settings,
  auth: createAuth([]),
  router: {
    plan: () => ({ model: target.model, targets: [target] }),
    list: () => [],
    find: id => ({ id }),
    table: () => [],
  },
  limits,
  records,
  seals: createSealStore(),
  answers: createAnswerStore(),
  redact,
})

const placeOf = (target: Target, asks: Asked) => {
  const origin = originOf(urlOf(target, chooseProtocol(target, asks)))
  const { proxy } = target.entry
  const proxied =
    typeof proxy === 'string' || (proxy === undefined && environmentProxy(origin, process.env) !== undefined)
  return { host: URL.parse(origin)?.host ?? 'the vendor', proxied }
}
