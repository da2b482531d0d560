/** Counts the tokens of a request: by a target that supports counting, or by an estimate if none does. */
import { GatewayError } from '../base/errors.ts'
import type { JsonObject } from '../base/json/json.ts'
import { estimatePromptTokens } from '../limits/estimate.ts'
import type { TokenCounter } from '../protocols/count-tokens.ts'
import type { Target } from '../providers/entry.ts'
import { isNative } from '../providers/resolve-url.ts'
import type { Plan } from '../routing/router.ts'
import type { ClientRequest } from './client-request.ts'
import type { Runtime } from './runtime.ts'

/** Returns a plan with the targets that support counting, or an estimate if there are none. */
export const planTokenCount = (
  clientRequest: ClientRequest,
  plan: Plan,
  { targetsWithoutCount }: Runtime,
): Plan | { estimate: JsonObject } => {
  const { protocol } = clientRequest
  if (protocol.kind !== 'count') return plan
  const targets = plan.targets.filter(target => isNative(target, protocol.id) && !targetsWithoutCount.has(target))
  return targets.length > 0 ? { ...plan, targets } : { estimate: estimateResponse(protocol, clientRequest) }
}

const estimateResponse = (protocol: TokenCounter, { json }: ClientRequest): JsonObject =>
  protocol.renderCount(estimatePromptTokens(protocol.reader, json?.body ?? {}))

/**
 * Returns an estimate after a vendor refused to count. The vendor may not support counting for this target, or not for
 * this request: web searches and files by URL have answers
 * but no count (https://platform.claude.com/docs/en/build-with-claude/token-counting, 2026-11).
 * @throws any other failure
 */
export const estimateAfterFailure = (
  failure: unknown,
  clientRequest: ClientRequest,
  target: Target | undefined,
  { targetsWithoutCount }: Runtime,
): JsonObject => {
  const { protocol } = clientRequest
  if (protocol.kind !== 'count' || !(failure instanceof GatewayError)) throw failure
  const isUnsupported = isCountUnsupported(failure)
  if (!isUnsupported && failure.code !== 'upstream_refused') throw failure
  if (isUnsupported && target) targetsWithoutCount.add(target)
  return estimateResponse(protocol, clientRequest)
}

/**
 * True if the vendor does not support counting. Each vendor says so in its own way: the path does not exist, the model
 * or the region does not support counting, or the key is not allowed to.
 */
const isCountUnsupported = ({ code, status, message, detail }: GatewayError): boolean =>
  code.startsWith('upstream_') &&
  ([404, 405, 501].includes(status) ||
    /count-?tokens|counting tokens|token counting/i.test(`${message} ${detail.cause ?? ''}`))
