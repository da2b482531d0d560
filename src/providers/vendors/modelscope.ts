import { provider } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/** Which models are served changes by the week: an entry names them as the model's page does (`Qwen/…`). Free: 2,000 calls a day. */
export default provider({
  id: 'modelscope',
  title: 'ModelScope',
  docs: 'https://modelscope.cn/docs/model-service/API-Inference/intro',
  checked: '2026-11',
  base: 'https://api-inference.modelscope.cn/v1',
  paths: openaiPaths(),
  sign: bearer,
  credentials: ['api_key'],
})
