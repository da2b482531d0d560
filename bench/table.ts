/** Judges results and renders them as Markdown tables. */

/** The maximum of the last column: as a multiple of the first, or in the row's own unit. */
export type Ceiling = { ratio: number } | { max: number }
/** One value for each column; undefined if there is none. `omitsRatio`: a ratio would be meaningless. */
export type Row = {
  label: string
  unit: string
  values: (number | undefined)[]
  omitsRatio?: true
  ceiling?: Ceiling
  isPlotted?: true
}
export type Table = { title: string; about: string; columns: string[]; rows: Row[] }

const formatNumber = (value: number): string =>
  value >= 1000 ? Math.round(value).toLocaleString('en-US') : value.toFixed(value < 10 ? 2 : 1)
export const formatValue = (value: number | undefined, unit: string): string =>
  value === undefined || Number.isNaN(value) ? '–' : `${formatNumber(value)}${unit && ` ${unit}`}`

const ratioOf = ({ values }: Row): number | undefined => {
  const [first, last] = [values[0], values.at(-1)]
  return values.length > 1 && first && last !== undefined ? last / first : undefined
}

/** Undefined if there is no ceiling, or nothing to compare with. */
export const isBroken = (row: Row): boolean | undefined => {
  if (!row.ceiling) return undefined
  const [value, limit] =
    'ratio' in row.ceiling ? [ratioOf(row), row.ceiling.ratio] : [row.values.at(-1), row.ceiling.max]
  return value === undefined ? undefined : !(value <= limit)
}

const ceilingText = (row: Row): string => {
  if (!row.ceiling) return ''
  const broken = isBroken(row)
  const limit = 'ratio' in row.ceiling ? `${row.ceiling.ratio} ×` : formatValue(row.ceiling.max, row.unit)
  return `${limit} ${broken === undefined ? 'not judged' : broken ? '**broken**' : 'held'}`
}

/** A Markdown table. Columns without any value are omitted. */
export const render = ({ title, about, columns, rows }: Table): string => {
  const used = columns.map((_, at) => rows.some(row => row.values[at] !== undefined))
  const keepUsed = <Cell>(cells: Cell[]) => cells.filter((_, at) => used[at])
  const hasCeilings = rows.some(row => row.ceiling)
  const names = keepUsed(columns)
  const hasRatios = names.length > 1 && used[0]
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`
  const head = [
    ' ',
    ...names,
    ...(hasRatios ? [`${names.at(-1)} ÷ ${names[0]}`] : []),
    ...(hasCeilings ? ['ceiling'] : []),
  ]
  const body = rows.map(row => {
    const ratio = row.omitsRatio ? undefined : ratioOf(row)
    return line([
      row.label,
      ...keepUsed(row.values).map(value => formatValue(value, row.unit)),
      ...(hasRatios ? [ratio === undefined ? '' : ratio.toFixed(2)] : []),
      ...(hasCeilings ? [ceilingText(row)] : []),
    ])
  })
  const rule = line(head.map((_, at) => (at === 0 ? '---' : '--:')))
  return [`### ${title}`, '', about, '', line(head), rule, ...body, ''].join('\n')
}
