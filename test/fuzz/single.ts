/** Fuzzes requests and answers of unary protocols and of token counting. */
import type { JsonObject } from '../../src/base/json/json.ts'
import { estimatePromptTokens } from '../../src/limits/estimate.ts'
import type { TokenCounter } from '../../src/protocols/count-tokens.ts'
import {
  type AnyUnaryEgress,
  type AnyUnaryIngress,
  translateUnaryRequest,
  translateUnaryResponse,
} from '../../src/protocols/shared/unary.ts'
import { exchangeFor } from '../contracts/protocol.ts'
import { bodiesOf, checkPassed, type Outcome, requestMaker, runCases, sizeOf, sizeUnlessRefused } from './run.ts'

/** Requests, complete and split, for each vendor of the same kind. */
export const fuzzUnaryRequests = (
  client: AnyUnaryIngress,
  vendors: readonly AnyUnaryEgress[],
  samples: readonly JsonObject[],
  first: number,
  count: number,
): Outcome => {
  let turn = 0
  return runCases(`a question of ${client.id}`, first, count, requestMaker(samples), body =>
    sizeUnlessRefused(() => {
      client.checkRequest(body)
      client.passthrough.readRequest(body)
      const before = JSON.stringify(body)
      checkPassed(client, before, body)
      const vendor = vendors[turn++ % vendors.length]!
      const parts = bodiesOf(client.batch?.split(body, vendor.maxTexts?.('m') ?? 2)) ?? [body]
      const rendered = parts.map(part => translateUnaryRequest(client, vendor, part, 'm', () => undefined))
      checkPassed(client, before, body)
      return sizeOf(rendered)
    }),
  )
}

export type UnaryCase = { client: AnyUnaryIngress; body: JsonObject }

/** Answers, for each client that may have sent the request; also passed through if both use the same protocol. */
export const fuzzUnaryResponses = (
  vendor: AnyUnaryEgress,
  cases: readonly UnaryCase[],
  samples: readonly JsonObject[],
  first: number,
  count: number,
): Outcome => {
  let turn = 0
  return runCases(`an answer of ${vendor.id}`, first, count, requestMaker(samples), answer => {
    const { client, body } = cases[turn++ % cases.length]!
    const exchange = exchangeFor({ clientRequest: body })
    const text = JSON.stringify(answer)
    if (client.id === vendor.id) sizeUnlessRefused(() => client.passthrough.passMessage(text, exchange).text.length)
    return sizeUnlessRefused(() => translateUnaryResponse(client, vendor, text, exchange).body.length)
  })
}

/** Requests to count tokens, passed to a vendor or estimated. */
export const fuzzCountRequests = (
  counter: TokenCounter,
  samples: readonly JsonObject[],
  first: number,
  count: number,
): Outcome =>
  runCases(`a request of ${counter.id}`, first, count, requestMaker(samples), body =>
    sizeUnlessRefused(() => {
      counter.checkRequest(body)
      counter.passthrough.readRequest(body)
      checkPassed(counter, JSON.stringify(body), body)
      const estimate = counter.renderCount(estimatePromptTokens(counter.reader, body))
      counter.passthrough.passMessage(JSON.stringify(estimate), exchangeFor())
      return sizeOf(estimate)
    }),
  )

/** Token counts reported by a vendor. */
export const fuzzCountResponses = (
  { id, passthrough }: TokenCounter,
  samples: readonly JsonObject[],
  first: number,
  count: number,
): Outcome =>
  runCases(`a count of ${id}`, first, count, requestMaker(samples), body =>
    sizeUnlessRefused(() => passthrough.passMessage(JSON.stringify(body), exchangeFor()).text.length),
  )
