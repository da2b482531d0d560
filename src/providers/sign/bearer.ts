/** `Authorization: Bearer <api_key>`. Without an `api_key` the header is not sent. */
import type { Sign } from '../provider.ts'
import { setApiKey } from './header.ts'

export const bearer: Sign = async ({ headers }, target) => {
  const secret = target.credential.values['api_key']
  if (secret) setApiKey(headers, target, 'authorization', `Bearer ${secret}`)
}
