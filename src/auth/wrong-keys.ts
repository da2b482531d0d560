/** A brake on clients that send wrong keys. It belongs to the long-lived state, so a reload does not release it. */
import { clientNetwork } from '../base/address-ranges.ts'

export type WrongKeys = {
  /**
   * Notes wrong keys from an address. Call it only after the keys were compared, so that a right key is never braked.
   * @param address as `canonicalAddress` spells it; undefined if the connection has none
   * @param keys how many wrong keys the request contained
   * @returns the seconds until the address may try again, or 0 if the request is within what is tolerated
   */
  note: (address: string | undefined, keys: number) => number
}

/** Wrong keys within the memory of an address that cost nothing. A client with an outdated key needs a few. */
const toleratedKeys = 10
/** Seconds after the last wrong key in which an address is remembered. */
const memory = 60
/** Seconds of the longest wait. The first wait takes one second, each further one twice as long. */
const longestWait = 300
/** Addresses that are remembered. Beyond that, the one that was quiet for the longest time is forgotten. */
const maxAddresses = 10_000

type Offender = { keys: number; waits: number; waitEndsAt: number; forgottenAt: number }

/** @param now returns milliseconds; for tests */
export const createWrongKeys = (now: () => number = () => performance.now()): WrongKeys => {
  const offenders = new Map<string, Offender>()

  const offenderAt = (network: string, time: number): Offender => {
    const known = offenders.get(network)
    if (known !== undefined) offenders.delete(network)
    const offender =
      known !== undefined && time < known.forgottenAt ? known : { keys: 0, waits: 0, waitEndsAt: 0, forgottenAt: 0 }
    offenders.set(network, offender)
    if (offenders.size > maxAddresses) offenders.delete(offenders.keys().next().value!)
    return offender
  }

  return {
    note(address, keys) {
      const time = now()
      const offender = offenderAt(clientNetwork(address ?? ''), time)
      if (time < offender.waitEndsAt) return (offender.waitEndsAt - time) / 1000
      offender.keys += keys
      if (offender.keys >= toleratedKeys) {
        const wait = Math.min(2 ** Math.min(offender.waits++, 30), longestWait)
        offender.waitEndsAt = time + wait * 1000
      }
      offender.forgottenAt = Math.max(time, offender.waitEndsAt) + memory * 1000
      return 0
    },
  }
}
