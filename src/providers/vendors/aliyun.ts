import { provider } from '../provider.ts'
import dashscope from './dashscope.ts'

/**
 * Another name of the same vendor, for the configurations that know it by this one. qwen-turbo and qwen-max ended on 2026-07-13 (a notice of
 * alibabacloud.com); qwen-plus and qwen-flash outlived the list of 2026-10.
 */
export default provider({
  ...dashscope,
  id: 'aliyun',
  models: ['qwen3.8-max', 'qwen3.8-flash', 'qwen-plus', 'qwen-flash'],
})
