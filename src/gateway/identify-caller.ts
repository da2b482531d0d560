/** Identifies the caller of a request. Every path that needs a key asks here. */
import { presentedKeys } from '../auth/keys.ts'
import { asGatewayError } from '../base/errors.ts'
import type { Caller } from '../routing/router.ts'
import type { RequestLifetime } from '../telemetry/request-lifetime.ts'
import type { Runtime } from './runtime.ts'

/**
 * Authenticates a request and records who sent it. If no key is valid, it records the client's IP address instead.
 * @throws GatewayError `unauthorized`
 */
export const identifyCaller = (
  { headers }: Request,
  query: string,
  connection: { address: () => string | undefined },
  { record }: RequestLifetime,
  { auth }: Runtime,
): Caller => {
  try {
    const caller = auth.authenticate(presentedKeys(headers, query))
    record.caller = caller.id
    return caller
  } catch (thrown) {
    const error = asGatewayError(thrown)
    if (error.code === 'unauthorized') record.address = connection.address()
    throw error
  }
}
