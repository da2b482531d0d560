/** Random numbers that a seed determines. */

export type Random = {
  /** At least 0, below 1. */
  next: () => number
  between: (least: number, most: number) => number
  pick: <Item>(items: readonly [Item, ...Item[]]) => Item
}

/** FNV-1a: equal texts give equal numbers on every machine. */
const hash = (text: string): number => {
  let value = 0x811c9dc5
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  return value >>> 0
}

/** The generator mulberry32. Different parts of the seed give independent sequences. */
export const seededRandom = (...seed: (string | number)[]): Random => {
  let state = hash(seed.join('/'))
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    next,
    between: (least, most) => least + next() * (most - least),
    pick: items => items[Math.floor(next() * items.length)]!,
  }
}
