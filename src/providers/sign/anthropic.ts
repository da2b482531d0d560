/** Anthropic's `x-api-key`; a token of a subscription (`sk-ant-oat…`) is a bearer's, and is taken only beside its beta. */
import type { Sign } from '../provider.ts'
import { setSecret } from './header.ts'

const tokenBeta = 'oauth-2025-04-20'

export const anthropicKey: Sign = ({ headers }, { credential }) => {
  const secret = credential.values['api_key']
  if (!secret) return
  if (!secret.startsWith('sk-ant-oat')) return setSecret(headers, 'x-api-key', secret)
  setSecret(headers, 'authorization', `Bearer ${secret}`)
  const asked = headers.get('anthropic-beta') ?? ''
  if (!asked.includes(tokenBeta)) headers.set('anthropic-beta', asked === '' ? tokenBeta : `${asked},${tokenBeta}`)
}
