/** Sends the API key in a header of its own name, such as Azure's `api-key`. */
import { GatewayError } from '../../base/errors.ts'
import type { Target } from '../entry.ts'
import type { Sign } from '../provider.ts'

/**
 * Puts a secret into a header.
 * @throws GatewayError `upstream_credentials` if a header cannot carry it. The runtime's own error would reveal the
 * secret.
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

/** Puts an API key into a header, unless the entry's own `headers` set that header. */
export const setApiKey = (headers: Headers, { entry }: Target, name: string, secret: string): void => {
  for (const configured in entry.headers) if (configured.toLowerCase() === name) return
  setSecret(headers, name, secret)
}

/** Sends the credential's `api_key` in the header `name`. Without an `api_key` nothing is sent. */
export const header =
  (name: string): Sign =>
  async ({ headers }, target) => {
    const secret = target.credential.values['api_key']
    if (secret) setApiKey(headers, target, name, secret)
  }
