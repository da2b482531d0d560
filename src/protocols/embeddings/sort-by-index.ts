/**
 * Vectors in the order of their texts. OpenAI's always are, so that clients read them by their place; some servers of its protocol answer
 * as they get done, and tell by `index` alone. Only where that is so is more than a glance spent.
 */
import { applyEdits, type Span, scanTopLevel, valueEnd } from '../../base/json/json.ts'

/** The answer with the items of `data` in order; each as it was written. */
export const sortByIndex = (text: string): string => (isOutOfOrder(text) ? sortItems(text) : text)

/** Does any `index` follow a larger one. */
const isOutOfOrder = (text: string): boolean => {
  let last = 0
  for (const [, digits] of text.matchAll(/"index"\s*:\s*(\d+)/g)) {
    const index = Number(digits)
    if (index < last) return true
    last = index
  }
  return false
}

/** Where an item has no index, or one of another's, nothing is known of its place. */
const sortItems = (text: string): string => {
  const data = scanTopLevel(text)?.members.get('data')
  const items = data && text[data.start] === '[' ? itemSpans(text, data) : []
  const indices = items.map(({ start, end }) => indexOf(text.slice(start, end)))
  if (indices.includes(Number.NaN) || new Set(indices).size < items.length) return text
  const sorted = [...items.keys()].sort((left, right) => indices[left]! - indices[right]!)
  const sortedTexts = sorted.map(from => text.slice(items[from]!.start, items[from]!.end))
  return applyEdits(
    text,
    items.map(({ start, end }, at) => ({ start, end, newText: sortedTexts[at]! })),
  )
}

const indexOf = (item: string): number => {
  const span = scanTopLevel(item)?.members.get('index')
  return span ? Number(item.slice(span.start, span.end)) : Number.NaN
}

/** The places of the items of a list; none where it is not sound. */
const itemSpans = (text: string, { start, end }: Span): Span[] => {
  const items: Span[] = []
  const separator = /[\s,]*/y
  for (let at = start + 1; ; at = items.at(-1)!.end) {
    separator.lastIndex = at
    separator.test(text)
    const from = separator.lastIndex
    if (from >= end - 1) return items
    const itemEnd = valueEnd(text, from)
    if (itemEnd <= from) return []
    items.push({ start: from, end: itemEnd })
  }
}
