/** Refuses requests whose body says more than the caller's key allows, or says the model in a second spelling. */

import type { ClientProtocol } from '../protocols/registry.ts'
import { checkScopedRequest, closedField, isOpenField, refuseOtherSpellings } from '../protocols/shared/key-scope.ts'
import type { Caller } from '../routing/router.ts'
import type { ClientRequest } from './client-request.ts'

const isLimited = ({ scopes }: Caller): boolean => scopes !== undefined && !scopes.includes('*')

/**
 * Checks a JSON body before it is routed.
 * @throws GatewayError `invalid_request` naming the field, `forbidden` for a model inside the body
 */
export const checkKeyScope = ({ json, model, protocol }: ClientRequest, caller: Caller): void => {
  if (!json) return
  refuseOtherSpellings(json.body)
  if (isLimited(caller)) checkScopedRequest(json.body, protocol.scopedFields, { canUse: caller.canUse, model })
}

/** Returns a function that checks each field of an upload. It throws GatewayError `invalid_request`. */
export const formFieldCheck = (protocol: ClientProtocol, caller: Caller): ((name: string) => void) =>
  isLimited(caller)
    ? name => {
        if (!isOpenField(name.replace(/\[\w*\]$/, ''), protocol.scopedFields)) throw closedField(name)
      }
    : () => undefined
