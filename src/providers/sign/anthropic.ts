/** Anthropic's `x-api-key`; a token of a subscription (`sk-ant-oat…`) is a bearer's, and is taken only beside its beta. */
import type { Sign } from '../provider.ts'
import { putKey } from './header.ts'

const tokenBeta = 'oauth-2025-04-20'

export const anthropicKey: Sign = ({ headers }, target) => {
  const secret = target.credential.values['api_key']
  if (!secret) return
  if (!secret.startsWith('sk-ant-oat')) return putKey(headers, target, 'x-api-key', secret)
  putKey(headers, target, 'authorization', `Bearer ${secret}`)
  const asked = headers.get('anthropic-beta') ?? ''
  if (!asked.includes(tokenBeta)) headers.set('anthropic-beta', asked === '' ? tokenBeta : `${asked},${tokenBeta}`)
}
