/** Identifies the caller of a request. Every path that needs a key asks here. */
import { presentedKeys } from '../auth/keys.ts'
import { asGatewayError, GatewayError } from '../base/errors.ts'
import type { Caller } from '../routing/router.ts'
import type { RequestLifetime } from '../telemetry/request-lifetime.ts'
import type { Runtime } from './runtime.ts'

/**
 * Authenticates a request and records who sent it. If no key is valid, it records the client's IP address instead, and
 * brakes an address that keeps sending wrong keys. The keys are compared first, so a valid key is never braked.
 * @throws GatewayError `unauthorized`, `limited`
 */
export const identifyCaller = (
  { headers }: Request,
  query: string,
  connection: { address: () => string | undefined },
  { record }: RequestLifetime,
  { auth, wrongKeys }: Runtime,
): Caller => {
  const keys = presentedKeys(headers, query)
  try {
    const caller = auth.authenticate(keys)
    record.caller = caller.id
    record.owner = caller.owner
    return caller
  } catch (thrown) {
    const error = asGatewayError(thrown)
    if (error.code !== 'unauthorized') throw error
    record.address = connection.address()
    const retryAfter = keys.length === 0 ? 0 : wrongKeys.note(record.address, keys.length)
    if (retryAfter === 0) throw error
    throw new GatewayError('limited', 'too many wrong keys came from this address; send a valid key', { retryAfter })
  }
}
