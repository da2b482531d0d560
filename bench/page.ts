/** Writes the figures into docs/performance.md and its chart. */
import { join } from 'node:path'
import { plot } from './plot.ts'
import { render, type Table } from './table.ts'

const pageFile = join(import.meta.dir, '../docs/performance.md')
const chartFile = join(import.meta.dir, '../docs/performance.svg')
const beginMark = '<!-- measured: written by `npm run bench -- all --write` -->'
const endMark = '<!-- /measured -->'

/** Inserts the figures between the marks. The surrounding prose stays. @throws Error if the marks are missing. */
export const insertMeasured = (text: string, measured: string): string => {
  const [from, to] = [text.indexOf(beginMark), text.indexOf(endMark)]
  if (from < 0 || to < from) throw new Error(`docs/performance.md has lost its marks: ${beginMark} … ${endMark}`)
  return `${text.slice(0, from)}${beginMark}\n\n${measured}\n${text.slice(to)}`
}

export const writePage = async (about: string, tables: Table[]): Promise<void> => {
  const measured = [about, ...tables.map(render)].join('\n')
  await Bun.write(pageFile, insertMeasured(await Bun.file(pageFile).text(), measured))
  await Bun.write(chartFile, plot(tables))
}
