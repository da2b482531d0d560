/** Routes a conversation to the target that wrote its seals. Only that target, or its vendor, can read them. */
import { sealPrefix, unwrapSeal } from '../ir/seal.ts'
import { sealOriginOf } from '../providers/resolve-url.ts'
import type { Plan } from './router.ts'

/** The origin of the last seal in a request. Undefined if the text contains no valid seal. */
export const sealOriginIn = (text: string): string | undefined => {
  const start = text.lastIndexOf(sealPrefix)
  if (start < 0) return undefined
  let end = start
  while (isBase64UrlCode(text.charCodeAt(end))) end++
  return unwrapSeal(text.slice(start, end))?.seal.at
}

/** The characters of base64url: A to Z, a to z, digits, `-`, `_`. */
const isBase64UrlCode = (code: number): boolean =>
  (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code === 45 || code === 95

/** Moves the target with this origin to the front, followed by targets of the same vendor. */
export const preferOrigin = (plan: Plan, origin: string): Plan => {
  const vendor = origin.split('.', 1)[0]!
  const distanceOf = (targetOrigin: string): number => {
    if (targetOrigin === origin) return 0
    return targetOrigin.split('.', 1)[0] === vendor ? 1 : 2
  }
  const ranked = plan.targets.map(target => ({ target, distance: distanceOf(sealOriginOf(target)) }))
  return { ...plan, targets: ranked.sort((one, other) => one.distance - other.distance).map(({ target }) => target) }
}

/** Reorders a plan by the last seal in the text of its request. */
export const preferSealOrigin = (plan: Plan, text: string): Plan => {
  const origin = plan.targets.length > 1 ? sealOriginIn(text) : undefined
  return origin === undefined ? plan : preferOrigin(plan, origin)
}
