/**
 * Vectors in the order of their texts. OpenAI's always are, so that clients read them by their place; some servers of its protocol answer
 * as they get done, and tell by `index` alone. Only where that is so is more than a glance spent.
 */
import { type Span, splice, topLevel, valueEnd } from '../../base/json/json.ts'

/** The answer with the items of `data` in order; each as it was written. */
export const inPlace = (text: string): string => (falls(text) ? ordered(text) : text)

/** Does any `index` follow a larger one. */
const falls = (text: string): boolean => {
  let last = 0
  for (const [, told] of text.matchAll(/"index"\s*:\s*(\d+)/g)) {
    const index = Number(told)
    if (index < last) return true
    last = index
  }
  return false
}

/** Where an item has no index, or one of another's, nothing is known of its place. */
const ordered = (text: string): string => {
  const data = topLevel(text)?.members.get('data')
  const items = data && text[data.start] === '[' ? itemsIn(text, data) : []
  const indices = items.map(({ start, end }) => indexOf(text.slice(start, end)))
  if (indices.includes(Number.NaN) || new Set(indices).size < items.length) return text
  const sorted = [...items.keys()].sort((left, right) => indices[left]! - indices[right]!)
  const written = sorted.map(from => text.slice(items[from]!.start, items[from]!.end))
  return splice(
    text,
    items.map(({ start, end }, at) => ({ start, end, put: written[at]! })),
  )
}

const indexOf = (item: string): number => {
  const place = topLevel(item)?.members.get('index')
  return place ? Number(item.slice(place.start, place.end)) : Number.NaN
}

/** The places of the items of a list; none where it is not sound. */
const itemsIn = (text: string, { start, end }: Span): Span[] => {
  const items: Span[] = []
  const gap = /[\s,]*/y
  for (let at = start + 1; ; at = items.at(-1)!.end) {
    gap.lastIndex = at
    gap.test(text)
    const from = gap.lastIndex
    if (from >= end - 1) return items
    const close = valueEnd(text, from)
    if (close <= from) return []
    items.push({ start: from, end: close })
  }
}
