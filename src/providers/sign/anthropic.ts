/**
 * Anthropic's `x-api-key`. A subscription token (`sk-ant-oat…`) is sent as a bearer token and needs its beta header.
 */
import type { Sign } from '../provider.ts'
import { setApiKey } from './header.ts'

const oauthBeta = 'oauth-2025-04-20'

export const anthropicKey: Sign = async ({ headers }, target) => {
  const secret = target.credential.values['api_key']
  if (!secret) return
  if (!secret.startsWith('sk-ant-oat')) return setApiKey(headers, target, 'x-api-key', secret)
  setApiKey(headers, target, 'authorization', `Bearer ${secret}`)
  const betas = headers.get('anthropic-beta') ?? ''
  if (!betas.includes(oauthBeta)) headers.set('anthropic-beta', betas === '' ? oauthBeta : `${betas},${oauthBeta}`)
}
