/** The tokens of a request: counted by a target that can, guessed where none can. */
import { GatewayError } from '../base/errors.ts'
import type { JsonObject } from '../base/json/json.ts'
import { estimatePromptTokens } from '../limits/estimate.ts'
import { isTokenCounter, type TokenCounter } from '../protocols/count-tokens.ts'
import type { Target } from '../providers/entry.ts'
import { isNative } from '../providers/resolve-url.ts'
import type { Plan } from '../routing/router.ts'
import type { ClientRequest } from './build-request.ts'

/** Targets that said they do not count. They are asked again when the configuration has been read anew. */
const targetsWithoutCount = new WeakSet<Target>()

/** The targets that count, or, where none does, the answer itself. */
export const planTokenCount = (clientRequest: ClientRequest, plan: Plan): Plan | { estimate: JsonObject } => {
  const { protocol } = clientRequest
  if (!isTokenCounter(protocol)) return plan
  const targets = plan.targets.filter(target => isNative(target, protocol.id) && !targetsWithoutCount.has(target))
  return targets.length > 0 ? { ...plan, targets } : { estimate: estimateResponse(protocol, clientRequest) }
}

const estimateResponse = (protocol: TokenCounter, { json }: ClientRequest): JsonObject =>
  protocol.renderCount(estimatePromptTokens(protocol.unwrapRequest(json?.body ?? {})))

/**
 * The answer where the vendor refused. It may count nothing for this target, or not this request: web searches and files by URL have answers
 * and no count (https://platform.claude.com/docs/en/build-with-claude/token-counting, 2026-11). @throws any other failure
 */
export const estimateAfterFailure = (
  failure: unknown,
  clientRequest: ClientRequest,
  target: Target | undefined,
): JsonObject => {
  if (!isTokenCounter(clientRequest.protocol) || !(failure instanceof GatewayError)) throw failure
  const isUnsupported = isCountUnsupported(failure)
  if (!isUnsupported && failure.code !== 'upstream_refused') throw failure
  if (isUnsupported && target) targetsWithoutCount.add(target)
  return estimateResponse(clientRequest.protocol, clientRequest)
}

/** Each vendor has words of its own: there is no such address; the model, or the region, does not count; the key may not. */
const isCountUnsupported = ({ code, status, message, detail }: GatewayError): boolean =>
  code.startsWith('upstream_') &&
  ([404, 405, 501].includes(status) ||
    /count-?tokens|counting tokens|token counting/i.test(`${message} ${detail.cause ?? ''}`))
