/**
 * Draws an SVG bar chart: a group for each plotted row, each with its own scale. It follows the reader's light or dark
 * theme.
 */
import { formatValue, type Row, type Table } from './table.ts'

const size = { width: 760, label: 210, bar: 15, gap: 3, group: 16, header: 72, value: 90 }

const style = `
  svg { background: #fff; font: 13px system-ui, sans-serif }
  text { fill: #1f2328 } .quiet { fill: #59636e } .value { font-size: 12px }
  .title { font-size: 16px; font-weight: 600 } .panel { fill: #fff }
  .s0 { fill: #9198a1 } .s1 { fill: #d4893b } .s2 { fill: #2f6fd0 }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117 } .panel { fill: #0d1117 } text { fill: #f0f6fc } .quiet { fill: #9198a1 }
    .s0 { fill: #7d8590 } .s1 { fill: #e09b4f } .s2 { fill: #5896f0 }
  }`

const escapeXml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

const textElement = (x: number, y: number, content: string, className = ''): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${className && ` class="${className}"`}>${escapeXml(content)}</text>`

type Bar = { column: number; value: number }

const barsOf = ({ values }: Row): Bar[] =>
  values.flatMap((value, column) => (value === undefined ? [] : [{ column, value: Math.max(0, value) }]))

const heightOf = (row: Row): number => barsOf(row).length * (size.bar + size.gap) + size.group

const rowGroup = (row: Row, top: number): string[] => {
  const bars = barsOf(row)
  const maxValue = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE)
  const maxWidth = size.width - size.label - size.value
  const middle = top + (bars.length * (size.bar + size.gap)) / 2 + 3
  return [
    textElement(12, middle, row.label),
    ...bars.flatMap(({ column, value }, at) => {
      const y = top + at * (size.bar + size.gap)
      const width = Math.max(1, (value / maxValue) * maxWidth)
      return [
        `<rect x="${size.label}" y="${y}" width="${width.toFixed(1)}" height="${size.bar}" rx="2" class="s${column}"/>`,
        textElement(size.label + width + 6, y + size.bar - 3, formatValue(value, row.unit), 'value'),
      ]
    }),
  ]
}

const legend = (columns: string[], used: number[]): string[] =>
  used.flatMap((column, at) => [
    `<rect x="${size.label + at * 110}" y="42" width="12" height="12" rx="2" class="s${column}"/>`,
    textElement(size.label + at * 110 + 18, 53, columns[column]!),
  ])

/** Plots the marked rows of all tables. The columns are those of the first table. */
export const plot = (tables: Table[]): string => {
  const rows = tables.flatMap(table => table.rows.filter(row => row.isPlotted))
  const used = [...new Set(rows.flatMap(row => barsOf(row).map(({ column }) => column)))].sort()
  let top = size.header
  const groups = rows.flatMap(row => {
    const elements = rowGroup(row, top)
    top += heightOf(row)
    return elements
  })
  const box = `width="${size.width}" height="${top}" viewBox="0 0 ${size.width} ${top}"`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${box} role="img" aria-label="What passing through costs; shorter is better">`,
    `<style>${style}\n</style>`,
    `<rect class="panel" width="100%" height="100%"/>`,
    textElement(12, 26, 'What passing through costs', 'title'),
    textElement(size.label + 110, 26, 'shorter is better; each group has its own scale', 'quiet'),
    ...legend(tables[0]?.columns ?? [], used),
    ...groups,
    '</svg>',
    '',
  ].join('\n')
}
