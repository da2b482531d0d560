import { provider } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * The platform routes among several models behind these two names (platform.lingyiwanwu.com, user agreement, read 2026-04); whether it
 * refuses anything of OpenAI's could not be confirmed. Models whose names begin with `yi-` come here from an `openai` entry too.
 */
export default provider({
  id: 'lingyiwanwu',
  title: '01.AI (Lingyi Wanwu)',
  docs: 'https://platform.lingyiwanwu.com/docs',
  checked: '2026-11',
  base: 'https://api.lingyiwanwu.com/v1',
  paths: openaiPaths(),
  sign: bearer,
  credentials: ['api_key'],
  models: ['yi-lightning', 'yi-vision-v2'],
})
