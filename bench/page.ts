/** The page the figures are written to. */
import { join } from 'node:path'
import { plot } from './plot.ts'
import { render, type Table } from './table.ts'

const page = join(import.meta.dir, '../docs/performance.md')
const picture = join(import.meta.dir, '../docs/performance.svg')
const begin = '<!-- measured: written by `npm run bench -- all --write` -->'
const finish = '<!-- /measured -->'

/** Puts what was measured between the marks; the prose around it stays. */
export const insert = (text: string, measured: string): string => {
  const [from, to] = [text.indexOf(begin), text.indexOf(finish)]
  if (from < 0 || to < from) throw new Error(`docs/performance.md has lost its marks: ${begin} … ${finish}`)
  return `${text.slice(0, from)}${begin}\n\n${measured}\n${text.slice(to)}`
}

export const write = async (about: string, tables: Table[]): Promise<void> => {
  const measured = [about, ...tables.map(render)].join('\n')
  await Bun.write(page, insert(await Bun.file(page).text(), measured))
  await Bun.write(picture, plot(tables))
}
