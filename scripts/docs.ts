/** Writes the generated pages: `npm run docs`. Another one is a line in `pages`. */
import { join } from 'node:path'
import { referencePage, schemaText } from '../src/config/reference.ts'

/** What is generated: `file` below the project's folder, `render` its whole text. */
export const pages: { file: string; render: () => string }[] = [
  { file: 'config.schema.json', render: schemaText },
  { file: 'docs/config.md', render: referencePage },
]

if (import.meta.main)
  for (const { file, render } of pages) {
    await Bun.write(join(import.meta.dir, '..', file), render())
    console.log(`wrote ${file}`)
  }
