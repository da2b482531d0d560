/** `npm run docs` writes the generated pages. To add one, add a line to `pages`. */
import { join } from 'node:path'
import { referencePage, schemaText } from '../src/config/schema/reference.ts'
import { withBlocks } from './pages/blocks.ts'
import { errorsPage } from './pages/errors.ts'
import { fidelityPage } from './pages/fidelity.ts'
import { providersPage } from './pages/providers.ts'
import { reliabilityPage } from './pages/reliability.ts'
import { vendorPage, vendors, vendorsIndex } from './pages/vendors.ts'

/** The generated files. `file` is relative to the project's folder, `render` returns the whole text. */
export const pages: { file: string; render: () => string }[] = [
  { file: 'config.schema.json', render: schemaText },
  { file: 'docs/config.md', render: referencePage },
  { file: 'docs/errors.md', render: errorsPage },
  { file: 'docs/fidelity.md', render: fidelityPage },
  { file: 'docs/providers.md', render: providersPage },
  { file: 'docs/reliability.md', render: reliabilityPage },
  { file: 'docs/vendors/README.md', render: vendorsIndex },
  ...vendors.map(vendor => ({ file: `docs/vendors/${vendor.id}.md`, render: () => vendorPage(vendor) })),
  ...['README.md', 'README.zh-CN.md', 'docs/from-simple-one-api.md'].map(file => ({
    file,
    render: () => withBlocks(file),
  })),
]

if (import.meta.main)
  for (const { file, render } of pages) {
    await Bun.write(join(import.meta.dir, '..', file), render())
    console.log(`wrote ${file}`)
  }
