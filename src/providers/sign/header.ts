/** A secret in a header of its own name, as Azure wants it. */
import { GatewayError } from '../../errors.ts'
import type { Sign } from '../provider.ts'

/**
 * Puts a secret into a header.
 * @throws GatewayError `upstream_credentials` where no header can carry it; the runtime's own error would repeat the secret.
 */
export const setSecret = (headers: Headers, name: string, secret: string): void => {
  try {
    headers.set(name, secret)
  } catch {
    throw new GatewayError(
      'upstream_credentials',
      'the configured credential holds characters no HTTP header can carry',
    )
  }
}

/** The credential's `api_key` in the header `name`; without one nothing is sent. */
export const header =
  (name: string): Sign =>
  ({ headers }, { credential }) => {
    const secret = credential.values['api_key']
    if (secret) setSecret(headers, name, secret)
  }
