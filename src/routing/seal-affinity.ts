/** A conversation goes on where it was sealed, if it can: only that target, or its vendor, can read the seals. */
import { sealPrefix, unwrapSeal } from '../ir/seal.ts'
import { sealOriginOf } from '../providers/resolve-url.ts'
import type { Plan } from './router.ts'

/** The seat that wrote the last seal in a request; undefined where none of ours stands in it. */
export const sealOriginIn = (text: string): string | undefined => {
  const start = text.lastIndexOf(sealPrefix)
  if (start < 0) return undefined
  let end = start
  while (isBase64UrlCode(text.charCodeAt(end))) end++
  return unwrapSeal(text.slice(start, end))?.seal.at
}

/** Of base64url: A to Z, a to z, digits, `-`, `_`. */
const isBase64UrlCode = (code: number): boolean =>
  (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code === 45 || code === 95

/** The same targets, that seat's own first, then its vendor's. */
export const preferOrigin = (plan: Plan, origin: string): Plan => {
  const vendor = origin.split('.', 1)[0]!
  const distanceOf = (targetOrigin: string): number =>
    targetOrigin === origin ? 0 : targetOrigin.split('.', 1)[0] === vendor ? 1 : 2
  const ranked = plan.targets.map(target => ({ target, distance: distanceOf(sealOriginOf(target)) }))
  return { ...plan, targets: ranked.sort((one, other) => one.distance - other.distance).map(({ target }) => target) }
}

/** The plan of a request, by the seal that stands in its text. */
export const preferSealOrigin = (plan: Plan, text: string): Plan => {
  const origin = plan.targets.length > 1 ? sealOriginIn(text) : undefined
  return origin === undefined ? plan : preferOrigin(plan, origin)
}
