/** What a mutant is: one small change of one source file. */

export const operators = [
  'condition',
  'equality',
  'boundary',
  'arithmetic',
  'logical',
  'negation',
  'nullish',
  'return',
  'early-return',
  'statement',
  'await',
  'string',
  'number',
  'boolean',
  'entry',
  'optional-chain',
  'regex',
  'default',
  'method',
] as const

export type Operator = (typeof operators)[number]

/** Replace the characters from `start` to `end` (exclusive, offsets in the file) by `text`. */
export type Edit = { operator: Operator; start: number; end: number; text: string }

/** `file` is relative to the project with `/`; `line` counts from 1. */
export type Mutant = Edit & { file: string; line: number }

export const apply = (source: string, { start, end, text }: Edit): string =>
  source.slice(0, start) + text + source.slice(end)

/** A unified diff of the source before and after `edit`, with three lines of context. */
export const diffOf = (file: string, source: string, edit: Edit): string => {
  const before = source.split('\n')
  const after = apply(source, edit).split('\n')
  const lineAt = (offset: number) => source.slice(0, offset).split('\n').length - 1
  const first = lineAt(edit.start)
  const removed = lineAt(edit.end) - first + 1
  const added = removed + after.length - before.length
  const from = Math.max(0, first - 3)
  const tail = before.slice(first + removed, first + removed + 3)
  const context = first - from + tail.length
  return [
    `--- a/${file}`,
    `+++ b/${file}`,
    `@@ -${from + 1},${context + removed} +${from + 1},${context + added} @@`,
    ...before.slice(from, first).map(line => ` ${line}`),
    ...before.slice(first, first + removed).map(line => `-${line}`),
    ...after.slice(first, first + added).map(line => `+${line}`),
    ...tail.map(line => ` ${line}`),
  ].join('\n')
}
