import { isObject, type JsonObject } from '../ir/json.ts'
import { spoken } from './place.ts'
import { provider } from './provider.ts'
import { clamp } from './quirks.ts'
import { bearer } from './sign/bearer.ts'

/** A stream's usage comes inside the first choice of the last chunk. */
const liftUsage = (body: JsonObject): void => {
  const [choice] = Array.isArray(body['choices']) ? body['choices'] : []
  if (!isObject(choice) || !isObject(choice['usage'])) return
  body['usage'] ??= choice['usage']
  delete choice['usage']
}

/** platform.moonshot.cn, "migrating from OpenAI": temperature 0 to 1. Two houses with keys of their own: api.moonshot.cn and api.moonshot.ai. */
export default provider({
  id: 'moonshot',
  title: 'Moonshot AI (Kimi)',
  docs: 'https://platform.moonshot.cn/docs',
  checked: '2026-11',
  quirks: [
    '`temperature` 0 to 1',
    'usage told inside a choice stands where it belongs',
    'the thoughts before a call are brought back where the client drops them',
  ],
  base: 'https://api.moonshot.cn/v1',
  hosts: ['api.moonshot.ai'],
  speaks: spoken(),
  sign: bearer,
  needsThoughts: true,
  credentials: ['api_key'],
  adjust: { 'openai-chat': (body, loss) => clamp(body, 'temperature', [0, 1], loss) },
  mend: { 'openai-chat': liftUsage },
})
