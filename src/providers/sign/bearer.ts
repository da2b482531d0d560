/** `Authorization: Bearer <api_key>`; without an `api_key` nothing is sent. */
import type { Sign } from '../provider.ts'
import { setSecret } from './header.ts'

export const bearer: Sign = ({ headers }, { credential }) => {
  const secret = credential.values['api_key']
  if (secret) setSecret(headers, 'authorization', `Bearer ${secret}`)
}
