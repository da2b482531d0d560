/** The settings for files that a request references by URL. */
import { Type } from '@sinclair/typebox'
import { group, integer, seconds, union } from './fields.ts'

export const MediaSchema = group(
  {
    allow_private: union(
      [Type.Boolean(), Type.Array(Type.String())],
      'Whether files may come from this machine or private networks: `true`, or a list of allowed addresses and ranges. `true` still excludes cloud metadata services.',
      { default: false, examples: [['10.1.0.0/16']] },
    ),
    max_bytes: union(
      [Type.Integer(), Type.String()],
      'Maximum size of one file: a number of bytes, or text such as `20MB`. All files of a request together may be twice as large.',
      { unit: 'bytes', default: '20MB' },
    ),
    max_files: integer('How many files one request may reference by URL.', { unit: 'files', default: 16 }),
    timeout: seconds('Maximum time to download one file, including redirects.', 15),
  },
  {
    description:
      'Images and other files that a request references by URL. If the vendor accepts only bytes, the gateway downloads them over http or https, from public addresses and without a proxy.',
  },
)
