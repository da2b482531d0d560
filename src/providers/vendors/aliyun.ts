import { provider } from '../provider.ts'
import dashscope from './dashscope.ts'

/**
 * Another name of DashScope, for configurations that use it. qwen-turbo and qwen-max were retired on 2026-07-13 (notice
 * on alibabacloud.com). qwen-plus and qwen-flash were still in the list of 2026-10.
 */
export default provider({
  ...dashscope,
  id: 'aliyun',
  models: ['qwen3.8-max', 'qwen3.8-flash', 'qwen-plus', 'qwen-flash'],
})
