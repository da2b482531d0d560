import { provider } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * platform.stepfun.com, API reference (index read 2026-07). Model names are from its price list (2026-09). There are
 * two platforms with separate keys: api.stepfun.com and api.stepfun.ai.
 */
export default provider({
  id: 'stepfun',
  title: 'StepFun',
  docs: 'https://platform.stepfun.com/docs/zh/overview/concept',
  checked: '2026-11',
  base: 'https://api.stepfun.com/v1',
  hosts: ['api.stepfun.ai'],
  paths: openaiPaths('images/generations', 'audio/speech', 'audio/transcriptions'),
  sign: bearer,
  credentials: ['api_key'],
  models: ['step-3.7-flash', 'step-3.5-flash'],
})
