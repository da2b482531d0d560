/** When the requests of a world arrive, determined by its seed. */
import { seededRandom } from './random.ts'
import type { World } from './worlds.ts'

/** `at`: seconds since the world began. `nonce` is unique within the world and decides the right answer. */
export type Arrival = { at: number; nonce: string; isStream: boolean }

/** One request in each interval of `1 / rate` seconds, at a random time within it; two of three are streamed. */
export const arrivalsOf = (
  { name, seconds, rate }: Pick<World, 'name' | 'seconds' | 'rate'>,
  seed: number,
): Arrival[] => {
  const random = seededRandom('arrivals', name, seed)
  return Array.from({ length: Math.round(seconds * rate) }, (_, index) => ({
    at: (index + random.next()) / rate,
    nonce: `${name}x${seed}x${index}`,
    isStream: index % 3 !== 0,
  }))
}
