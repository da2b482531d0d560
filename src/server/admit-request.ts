/** What the server checks before it looks at the path of a request. */
import type { Server } from 'bun'
import { GatewayError } from '../base/errors.ts'
import { pathAndQueryOf } from '../downstream/json-body.ts'
import type { Runtime } from '../gateway/runtime.ts'
import { errorResponse, refusalResponse } from './error-response.ts'
import { peerAddress } from './server-connection.ts'

/** Probes of load balancers name any host and learn only whether the process serves. */
const healthPaths: ReadonlySet<string> = new Set(['/healthz', '/livez', '/readyz'])

/** Returns the answer to a request that may not reach any route: preflights and unknown paths included. */
export const refuseRequest = (
  request: Request,
  server: Server<unknown> | null,
  runtime: Runtime,
): Response | undefined => {
  const multipleHosts = refuseMultipleHosts(request)
  if (multipleHosts) return multipleHosts
  const { headers } = request
  const error =
    runtime.clientAddresses.refuse(headers, () => peerAddress(request, server)) ?? runtime.openAccess(headers)
  if (error === undefined) return undefined
  const { path } = pathAndQueryOf(request)
  if (healthPaths.has(path)) return undefined
  const lifetime = runtime.records.begin(request.method, path.slice(0, 200))
  lifetime.record.address = runtime.clientAddresses.find(headers, peerAddress(request, server)).address
  lifetime.close({ error })
  return refusalResponse(request, error, { 'x-request-id': lifetime.record.id })
}

/**
 * Refuses a request with two Host headers: a proxy in front may have used the other one. Bun joins them with a comma,
 * which no host name contains.
 */
const refuseMultipleHosts = (request: Request): Response | undefined =>
  request.headers.get('host')?.includes(',')
    ? errorResponse(request, new GatewayError('invalid_request', 'the request names more than one host'), {
        connection: 'close',
      })
    : undefined
