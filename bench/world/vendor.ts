/** A vendor of a world as a state machine: it takes the time with every call, so a simulated clock drives it too. */
import { type Random, seededRandom } from './random.ts'
import { answer, type Reply, type ReplyScript, type WorldRequest } from './reply.ts'

/** `seconds` until the vendor would take the request; `limit`: requests a minute, at once, or in all. */
export type Refusal = (facts: { seconds: number; limit: number; model: string }) => ReplyScript

export type VendorScript = {
  name: string
  keys: number
  /** Numbers of the keys, from 0, that are refused, and with what. */
  deadKeys?: { numbers: readonly number[]; reply: ReplyScript }
  /** At most `rpm` calls for each key in any 60 s, and `atOnce` for all keys. */
  limit?: { rpm?: number; atOnce?: number; refusal: Refusal }
  /** The operator wrote `rpm` into the configuration. */
  isWritten?: true
  /** The number of calls taken before every further one is refused. */
  allowance?: { total: number; refusal: Refusal }
  /** What happens to a share of the calls that are taken. */
  faults?: readonly { share: number; reply: ReplyScript }[]
  /** Between these seconds of the world every call gets this reply. */
  phases?: readonly { from: number; until?: number; reply: ReplyScript }[]
  /** Headers of every answer that tell the limit of requests a minute; `seconds` until all of it is free again. */
  limitHeaders?: (facts: { limit: number; left: number; seconds: number }) => Record<string, string>
}

/** `end` must be called once, when the reply is complete or its connection is closed. */
export type Call = { reply: Reply; end: () => void }

export type Vendor = {
  script: VendorScript
  /** Takes a call with a key at a time, in seconds since the world began. Times must not decrease. */
  receive: (now: number, key: number, request: WorldRequest) => Call
  /** Chance that a call with this key is answered now, and the share of its limits that is left; 0: none. */
  outlook: (now: number, key: number) => { rate: number; left: number }
}

const windowSeconds = 60
/** Seconds. Two calls may arrive this much closer together than they were sent. */
const tolerance = 0.5

export const createVendor = (script: VendorScript, seed: string | number): Vendor => {
  const random = seededRandom('vendor', script.name, seed)
  const taken: number[][] = Array.from({ length: script.keys }, () => [])
  let open = 0
  let total = 0
  const { rpm, atOnce } = script.limit ?? {}
  const { allowance, faults = [], phases = [] } = script

  const recentOf = (now: number, key: number): number[] => {
    const times = taken[key]!
    while (times.length > 0 && times[0]! <= now - windowSeconds + tolerance) times.shift()
    return times
  }
  const phaseAt = (now: number) =>
    phases.find(({ from, until = Number.POSITIVE_INFINITY }) => now >= from && now < until)
  const isDead = (key: number) => script.deadKeys?.numbers.includes(key) === true
  const isUsedUp = () => allowance !== undefined && total >= allowance.total

  const refusal = (now: number, key: number, { model }: WorldRequest): ReplyScript | undefined => {
    if (isDead(key)) return script.deadKeys!.reply
    const phase = phaseAt(now)
    if (phase) return phase.reply
    if (isUsedUp()) return allowance!.refusal({ seconds: 86_400, limit: allowance!.total, model })
    const recent = recentOf(now, key)
    if (rpm !== undefined && recent.length >= rpm)
      return script.limit!.refusal({ seconds: recent[0]! + windowSeconds - now, limit: rpm, model })
    if (atOnce !== undefined && open >= atOnce) return script.limit!.refusal({ seconds: 1, limit: atOnce, model })
    return undefined
  }

  const withLimitHeaders = (reply: Reply, now: number, key: number): Reply => {
    if (!script.limitHeaders || rpm === undefined || !reply.head) return reply
    const recent = recentOf(now, key)
    const facts = { limit: rpm, left: rpm - recent.length, seconds: (recent.at(-1) ?? now) + windowSeconds - now }
    return { ...reply, head: { ...reply.head, headers: { ...reply.head.headers, ...script.limitHeaders(facts) } } }
  }

  return {
    script,
    receive: (now, key, request) => {
      const refused = refusal(now, key, request)
      if (refused) return { reply: refused(request, random), end: () => {} }
      taken[key]!.push(now)
      total++
      open++
      const reply = drawReply(script, random)(request, random)
      return { reply: withLimitHeaders(reply, now, key), end: () => void open-- }
    },
    outlook: (now, key) => {
      if (isDead(key) || phaseAt(now) || isUsedUp()) return { rate: 0, left: 0 }
      const shares = [
        rpm === undefined ? 1 : 1 - recentOf(now, key).length / rpm,
        atOnce === undefined ? 1 : 1 - open / atOnce,
        allowance === undefined ? 1 : 1 - total / allowance.total,
      ]
      return { rate: 1 - faults.reduce((sum, { share }) => sum + share, 0), left: Math.min(...shares) }
    },
  }
}

const drawReply = ({ faults = [] }: VendorScript, random: Random): ReplyScript => {
  let drawn = random.next()
  for (const { share, reply } of faults) {
    if (drawn < share) return reply
    drawn -= share
  }
  return answer
}
