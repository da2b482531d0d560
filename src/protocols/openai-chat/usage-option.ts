/**
 * `stream_options.include_usage`: how vendors are asked for usage in a stream, and how they refuse the question.
 * https://platform.openai.com/docs/api-reference/chat/create
 */
import type { GatewayError } from '../../base/errors.ts'
import type { UsageOption } from '../protocol.ts'

const option = /stream_options|include_usage/

/** The option as a member of a request that a vendor repeats in its error (vLLM does), not as what the error is about. */
const echoed = /(?:stream_options\W{0,4}:\s*\{[^}]*\}?|include_usage\W{0,4}:\s*(?:true|false))/gi
const unsupported =
  /un(?:known|recognized|recognised|expected|supported)|not\s+(?:be\s+)?(?:supported|permitted|allowed|recognized|accepted|valid)|does\s*n[o']t\s+support|extra[_ ](?:inputs|fields|forbidden)|invalid[_ ](?:field|parameter|argument|option)|no\s+such/i

/** Characters between the name of the option and the words that refuse it. */
const nearby = 120

const textOf = ({ message, detail }: GatewayError): string => message + (detail.body?.text ?? '')

export const usageOption: UsageOption = {
  removal: { stream_options: undefined },
  isMentioned: refusal => (refusal.status === 400 || refusal.status === 422) && option.test(textOf(refusal)),
  isUnsupported(refusal) {
    const text = textOf(refusal).replace(echoed, '')
    const at = text.search(option)
    return at >= 0 && unsupported.test(text.slice(Math.max(0, at - nearby), at + nearby))
  },
}
