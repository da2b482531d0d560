/** Fetches a stored response from the vendor that keeps it. */

import { GatewayError } from '../base/errors.ts'
import { isObject, type Json, type JsonObject, parseJson } from '../base/json/json.ts'
import { withVendorHeaders } from '../downstream/response-headers.ts'
import { egressOf } from '../protocols/registry.ts'
import { redactJson } from '../protocols/shared/vendor-error.ts'
import type { Target } from '../providers/entry.ts'
import type { UpstreamRequest } from '../providers/provider.ts'
import { urlOf, wireOf } from '../providers/resolve-url.ts'
import type { RequestLifetime } from '../telemetry/request-lifetime.ts'
import { UpstreamCall } from '../upstream/call.ts'
import { readError, readText } from '../upstream/read-body.ts'
import type { Runtime } from './runtime.ts'
import { userAgent } from './upstream-headers.ts'

const protocol = 'openai-responses'

/** A request for a stored response: its id, the part of its API, the method and the query string without `?`. */
export type StoredResponseRequest = {
  id: string
  subresource: '' | 'input_items' | 'cancel'
  method: string
  query: string
}

type FetchContext = { lifetime: RequestLifetime; runtime: Runtime }

/** @throws GatewayError the vendor's error, `upstream_failed`, `upstream_timeout` */
export const fetchStoredResponse = async (
  storedRequest: StoredResponseRequest,
  target: Target,
  { lifetime, runtime }: FetchContext,
): Promise<JsonObject> => {
  const found = wireOf(target.entry)
  if ('unsupported' in found)
    throw new GatewayError('internal', `service "${target.entry.id}" has a type that is not supported`)
  const headers = new Headers({ 'user-agent': userAgent, ...target.entry.headers })
  const url = storedResponseUrl(urlOf(target, protocol), storedRequest)
  const request: UpstreamRequest = { url, method: storedRequest.method, headers, body: undefined }
  const { settings, connections, redact } = runtime
  await found.wire.sign(request, target, connections.fetchToken)
  const { idle } = settings.timeouts
  const timeouts = { ...settings.timeouts, coversWholeResponse: true }
  const { wire } = found
  const call = new UpstreamCall({ request, payload: undefined, target, wire, timeouts, connections })
  lifetime.stopAtEnd(call)
  lifetime.record.target = target.id
  await call.waitForHeaders()
  const { status, headers: vendorHeaders, ok } = call.response
  if (!ok) {
    const refusal = egressOf(protocol)!.parseError(status, vendorHeaders, await readError(call), { redact })
    throw withVendorHeaders(refusal, vendorHeaders, redact)
  }
  const body = parseJson(await readText(call, idle))
  const cleaned = body === undefined || holdsItems(body) ? body : redactJson(body, redact)
  if (!isObject(cleaned)) throw new GatewayError('upstream_failed', 'the vendor answered with no JSON object')
  return cleaned
}

/** Whether a body is a response or a list of items: what a model or the client wrote. Any other is redacted. */
const holdsItems = (body: Json): boolean =>
  isObject(body) && [body.output, body.data].some(list => Array.isArray(list) && list.length > 0)

/** The URL of a stored response. Only the query parameters that concern its items are forwarded. */
const storedResponseUrl = (collectionUrl: string, { id, subresource, query }: StoredResponseRequest): string => {
  const storedUrl = new URL(collectionUrl)
  storedUrl.pathname += `/${id}${subresource && `/${subresource}`}`
  for (const [name, value] of new URLSearchParams(query))
    if (['limit', 'order', 'after', 'include', 'include[]'].includes(name)) storedUrl.searchParams.append(name, value)
  return storedUrl.href
}
