/** The headers of a request to a vendor. */
import { version } from '../base/version.ts'
import type { ProtocolId } from '../ir/chat.ts'
import { vendorProtocolOf } from '../protocols/registry.ts'
import type { Target } from '../providers/entry.ts'
import type { ClientRequest } from './client-request.ts'

/** The client's headers that any vendor may see; more are named by its protocol. The client's keys, cookies and addresses are never forwarded. */
const forwardedHeaders = [
  'accept',
  'idempotency-key',
  'x-client-request-id',
  'traceparent',
  'tracestate',
  'http-referer',
  'x-title',
]
/** The gateway's own User-Agent. */
export const userAgent = `simple-one-api/${version}`

const copyHeaders = (names: readonly string[], from: Headers, to: Headers): void => {
  for (const name of names) {
    const value = from.get(name)
    if (value !== null) to.set(name, value)
  }
}

export const upstreamHeaders = (
  clientRequest: ClientRequest,
  target: Target,
  vendorProtocol: ProtocolId,
  length: number | undefined,
): Headers => {
  const headers = new Headers({ 'user-agent': userAgent })
  headers.set('content-type', clientRequest.upload?.contentType ?? 'application/json')
  const vendor = vendorProtocolOf(vendorProtocol)
  copyHeaders(forwardedHeaders, clientRequest.headers, headers)
  if (vendor.requestHeaders) copyHeaders(vendor.requestHeaders, clientRequest.headers, headers)
  if (clientRequest.stream) {
    headers.set('accept', 'text/event-stream')
    headers.set('accept-encoding', 'identity')
  }
  if (length !== undefined) headers.set('content-length', String(length))
  const counted = vendor.kind === 'count' ? vendor.protocol : vendor
  const protocolHeaders =
    counted.kind === 'chat'
      ? counted.headers?.(vendorProtocol === clientRequest.protocol.id ? clientRequest.headers : undefined)
      : undefined
  for (const name in protocolHeaders) headers.set(name, protocolHeaders[name]!)
  for (const name in target.entry.headers) headers.set(name, target.entry.headers[name]!)
  return headers
}
