/** Generates the blocks between `<!-- generated: NAME -->` and `<!-- end -->` in handwritten pages. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { providers, unsupported } from '../../src/providers/index.ts'
import type { Provider } from '../../src/providers/provider.ts'

const root = join(import.meta.dir, '../..')

/** The whole text of a page with its blocks regenerated. @throws Error if a block is unknown. */
export const withBlocks = (file: string): string =>
  readFileSync(join(root, file), 'utf8').replace(
    /(<!-- generated: ([\w ]+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, open: string, name: string, close: string) => `${open}${render(name)}\n${close}`,
  )

const render = (name: string): string => {
  const block = blocks[name]
  if (!block) throw new Error(`no block is called ${name}`)
  return block()
}

const helpText = (): string => {
  const { stdout } = Bun.spawnSync([process.execPath, join(root, 'src/main.ts'), '--help'])
  return `\`\`\`text\n${stdout.toString().trimEnd()}\n\`\`\``
}

/** The number of service types on one line. */
const columnCount = 3

const servicesTable = (): string => {
  const cells = [...providers.values()].map(providerCell)
  const lines = Math.ceil(cells.length / columnCount)
  const rows = Array.from({ length: lines }, (_, at) =>
    Array.from({ length: columnCount }, (_, column) => cells[column * lines + at] ?? ''),
  )
  const empty = Array.from({ length: columnCount }, () => '')
  return [empty, empty.map(() => '---'), ...rows].map(row => `| ${row.join(' | ')} |`).join('\n')
}

const providerCell = ({ id, title, docs }: Provider): string => `\`${id}\` [${title}](${docs})`

const unsupportedTypes = (): string => [...unsupported.keys()].map(id => `\`${id}\``).join(', ')

const alternatives = (): string =>
  [
    '| type | what to write |',
    '| --- | --- |',
    ...[...unsupported].map(([id, advice]) => `| \`${id}\` | ${codeUrls(advice)} |`),
  ].join('\n')

/** Formats URLs as code: some contain `<…>`, which Markdown would take for a tag. */
const codeUrls = (text: string): string => text.replace(/https?:\/\/[^ ;)]*\w>?/g, '`$&`')

const blocks: Record<string, () => string> = {
  help: helpText,
  services: servicesTable,
  unspoken: unsupportedTypes,
  instead: alternatives,
}
