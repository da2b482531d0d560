/**
 * Whether an entry may be asked for usage in a stream. The gateway asks every vendor (`stream_options`), because limits
 * count tokens; some vendors refuse the question, and a few are known to.
 */
import { GatewayError } from '../base/errors.ts'
import type { Target } from '../providers/entry.ts'
import type { Wire } from '../providers/provider.ts'

/** Milliseconds after which a vendor that refused is asked once more: it may have been updated. */
const forgetAfter = 24 * 60 * 60_000

/** What was learned, by entry id. Belongs to a Runtime. */
export class StreamUsage {
  readonly #refusedUntil = new Map<string, number>()

  /** @param now milliseconds of a clock that never goes back */
  constructor(private readonly now: () => number = () => performance.now()) {}

  isAllowed({ entry }: Pick<Target, 'entry'>, wire: Pick<Wire, 'refusesUsage'>): boolean {
    if (wire.refusesUsage) return false
    const until = this.#refusedUntil.get(entry.id)
    if (until === undefined) return true
    if (this.now() < until) return false
    this.#refusedUntil.delete(entry.id)
    return true
  }

  markRefused({ entry }: Pick<Target, 'entry'>): void {
    this.#refusedUntil.set(entry.id, this.now() + forgetAfter)
  }
}

const option = /stream_options|include_usage/

/** An error that mentions the option: without it the same request may succeed. */
export const mentionsUsage = (refusal: unknown): refusal is GatewayError =>
  refusal instanceof GatewayError && (refusal.status === 400 || refusal.status === 422) && option.test(textOf(refusal))

/** The option as a member of a request that a vendor repeats in its error (vLLM does), not as what the error is about. */
const echoed = /(?:stream_options\W{0,4}:\s*\{[^}]*\}?|include_usage\W{0,4}:\s*(?:true|false))/gi
const unsupported =
  /un(?:known|recognized|recognised|expected|supported)|not\s+(?:be\s+)?(?:supported|permitted|allowed|recognized|accepted|valid)|does\s*n[o']t\s+support|extra[_ ](?:inputs|fields|forbidden)|invalid[_ ](?:field|parameter|argument|option)|no\s+such/i

/** Characters between the name of the option and the words that refuse it. */
const nearby = 120

/** An error that says that the vendor does not know the option. An error that only repeats the request does not. */
export const namesUsageAsUnsupported = (refusal: GatewayError): boolean => {
  const text = textOf(refusal).replace(echoed, '')
  const at = text.search(option)
  return at >= 0 && unsupported.test(text.slice(Math.max(0, at - nearby), at + nearby))
}

const textOf = ({ message, detail }: GatewayError): string => message + (detail.body?.text ?? '')
