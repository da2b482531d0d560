import { provider } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * Behind these two names the platform routes between several models (platform.lingyiwanwu.com, user agreement, read
 * 2026-04). Whether it refuses any of OpenAI's fields could not be confirmed. An `openai` entry also sends models that
 * begin with `yi-` here.
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
