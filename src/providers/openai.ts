import type { Target } from './entry.ts'
import { spoken } from './place.ts'
import { provider } from './provider.ts'
import { bearer } from './sign/bearer.ts'

/** Beginnings of a model's name in lower case, and whose model that is: a provider of ours, or an address. */
export const modelPrefixes: { prefix: string; provider?: string; base: string }[] = [
  { prefix: 'glm-', provider: 'zhipu', base: 'https://open.bigmodel.cn/api/paas/v4' },
  { prefix: 'deepseek-', provider: 'deepseek', base: 'https://api.deepseek.com' },
  { prefix: 'yi-', provider: 'lingyiwanwu', base: 'https://api.lingyiwanwu.com/v1' },
]

const base = 'https://api.openai.com/v1'

/** An entry without a `server_url` goes where its model lives. */
const baseByModel = ({ model }: Target): string => {
  const name = model.toLowerCase()
  return modelPrefixes.find(({ prefix }) => name.startsWith(prefix))?.base ?? base
}

const speaks = spoken(
  'completions',
  'embeddings',
  'images/generations',
  'images/edits',
  'images/variations',
  'audio/speech',
  'audio/transcriptions',
  'audio/translations',
  'moderations',
)

/** OpenAI itself, and whatever follows it at an address of its own. Many such servers rerank; OpenAI does not. */
export default provider({
  id: 'openai',
  title: 'OpenAI and compatible servers',
  docs: 'https://platform.openai.com/docs/api-reference',
  checked: '2026-11',
  base,
  hosts: ['*'],
  speaks: { ...speaks, ...spoken('rerank') },
  sign: bearer,
  credentials: ['api_key'],
  keyless: true,
  variants: [{ when: entry => entry.serverUrl === undefined, base: baseByModel, speaks }],
})
