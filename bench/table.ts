/** Results as they are judged and shown. */

/** `at most`: what the last column may be, as a multiple of the first, or in the row's own unit. */
export type Ceiling = { ratio: number } | { atMost: number }
/** A value for each column; undefined where there is none. `plain`: a ratio would say nothing. */
export type Row = {
  what: string
  unit: string
  values: (number | undefined)[]
  plain?: true
  ceiling?: Ceiling
  plotted?: true
}
export type Table = { title: string; about: string; columns: string[]; rows: Row[] }

const figure = (value: number): string =>
  value >= 1000 ? Math.round(value).toLocaleString('en-US') : value.toFixed(value < 10 ? 2 : 1)
export const shown = (value: number | undefined, unit: string): string =>
  value === undefined || Number.isNaN(value) ? '–' : `${figure(value)}${unit && ` ${unit}`}`

const ratioOf = ({ values }: Row): number | undefined => {
  const [first, last] = [values[0], values.at(-1)]
  return values.length > 1 && first && last !== undefined ? last / first : undefined
}

/** Undefined: there is no ceiling, or nothing to compare with. */
export const isBroken = (row: Row): boolean | undefined => {
  if (!row.ceiling) return undefined
  const [value, most] =
    'ratio' in row.ceiling ? [ratioOf(row), row.ceiling.ratio] : [row.values.at(-1), row.ceiling.atMost]
  return value === undefined ? undefined : !(value <= most)
}

const judged = (row: Row): string => {
  if (!row.ceiling) return ''
  const broken = isBroken(row)
  const most = 'ratio' in row.ceiling ? `${row.ceiling.ratio} ×` : shown(row.ceiling.atMost, row.unit)
  return `${most} ${broken === undefined ? 'not judged' : broken ? '**broken**' : 'held'}`
}

/** A table of Markdown; columns nobody has a value for are left out. */
export const render = ({ title, about, columns, rows }: Table): string => {
  const used = columns.map((_, at) => rows.some(row => row.values[at] !== undefined))
  const keep = <Cell>(cells: Cell[]) => cells.filter((_, at) => used[at])
  const ceilings = rows.some(row => row.ceiling)
  const names = keep(columns)
  const ratios = names.length > 1 && used[0]
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`
  const head = [' ', ...names, ...(ratios ? [`${names.at(-1)} ÷ ${names[0]}`] : []), ...(ceilings ? ['ceiling'] : [])]
  const body = rows.map(row => {
    const ratio = row.plain ? undefined : ratioOf(row)
    return line([
      row.what,
      ...keep(row.values).map(value => shown(value, row.unit)),
      ...(ratios ? [ratio === undefined ? '' : ratio.toFixed(2)] : []),
      ...(ceilings ? [judged(row)] : []),
    ])
  })
  const rule = line(head.map((_, at) => (at === 0 ? '---' : '--:')))
  return [`### ${title}`, '', about, '', line(head), rule, ...body, ''].join('\n')
}
