/**
 * Sorts vectors into the order of their texts. OpenAI always does this, so clients read vectors by position. Some
 * compatible servers answer in order of completion and identify vectors by `index` only. The check for that case is
 * cheap.
 */
import { applyEdits, type Span, scanTopLevel, valueEnd } from '../../base/json/json.ts'

/** The answer with the items of `data` in order; each item is unchanged. */
export const sortByIndex = (text: string): string => (isOutOfOrder(text) ? sortItems(text) : text)

/** Whether any `index` is smaller than the one before it. */
const isOutOfOrder = (text: string): boolean => {
  let last = 0
  for (const [, digits] of text.matchAll(/"index"\s*:\s*(\d+)/g)) {
    const index = Number(digits)
    if (index < last) return true
    last = index
  }
  return false
}

/** If an item has no index or repeats one, the order is unknown and the text is unchanged. */
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

/** The spans of the items of a list; empty if the list is malformed. */
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
