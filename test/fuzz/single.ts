/** Protocols of one question and one answer, and counting: what is asked, and what is answered. */
import type { JsonObject } from '../../src/base/json/json.ts'
import { estimatePrompt } from '../../src/limits/estimate.ts'
import type { TokenCounter } from '../../src/protocols/count-tokens.ts'
import {
  type AnyUnaryEgress,
  type AnyUnaryIngress,
  translateUnaryRequest,
  translateUnaryResponse,
} from '../../src/protocols/shared/unary.ts'
import { exchangeFor } from '../contracts/protocol.ts'
import { checkPassed, type Outcome, refusing, requestsLike, run, sizeOf } from './run.ts'

/** A question, whole and in parts, for each vendor of its kind. */
export const fuzzAsks = (
  client: AnyUnaryIngress,
  vendors: readonly AnyUnaryEgress[],
  samples: readonly JsonObject[],
  first: number,
  count: number,
): Outcome => {
  let turn = 0
  return run(`a question of ${client.id}`, first, count, requestsLike(samples), body =>
    refusing(() => {
      client.checkRequest(body)
      client.passthrough.readRequest(body)
      const before = JSON.stringify(body)
      checkPassed(client, before, body)
      const vendor = vendors[turn++ % vendors.length]!
      const parts = client.batch?.split(body, vendor.maxTexts?.('m') ?? 2) ?? [body]
      const asks = parts.map(part => translateUnaryRequest(client, vendor, part, 'm', () => undefined))
      checkPassed(client, before, body)
      return sizeOf(asks)
    }),
  )
}

export type Asked = { client: AnyUnaryIngress; body: JsonObject }

/** An answer, for each client that may have asked; also passed where both speak the same. */
export const fuzzAnswers = (
  vendor: AnyUnaryEgress,
  asked: readonly Asked[],
  samples: readonly JsonObject[],
  first: number,
  count: number,
): Outcome => {
  let turn = 0
  return run(`an answer of ${vendor.id}`, first, count, requestsLike(samples), answer => {
    const { client, body } = asked[turn++ % asked.length]!
    const exchange = exchangeFor({ clientRequest: body })
    const text = JSON.stringify(answer)
    if (client.id === vendor.id) refusing(() => client.passthrough.passMessage(text, exchange).text.length)
    return refusing(() => translateUnaryResponse(client, vendor, text, exchange).body.length)
  })
}

/** A request to be counted: by a vendor, or guessed. */
export const fuzzCounts = (
  counting: TokenCounter,
  samples: readonly JsonObject[],
  first: number,
  count: number,
): Outcome =>
  run(`a request of ${counting.id}`, first, count, requestsLike(samples), body =>
    refusing(() => {
      counting.checkRequest(body)
      counting.passthrough.readRequest(body)
      checkPassed(counting, JSON.stringify(body), body)
      const guess = counting.renderCount(estimatePrompt(counting.unwrapRequest(body)))
      counting.passthrough.passMessage(JSON.stringify(guess), exchangeFor())
      return sizeOf(guess)
    }),
  )

/** What a vendor counted. */
export const fuzzCounted = (
  { id, passthrough }: TokenCounter,
  samples: readonly JsonObject[],
  first: number,
  count: number,
): Outcome =>
  run(`a count of ${id}`, first, count, requestsLike(samples), body =>
    refusing(() => passthrough.passMessage(JSON.stringify(body), exchangeFor()).text.length),
  )
