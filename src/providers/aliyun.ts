import dashscope from './dashscope.ts'
import { provider } from './provider.ts'

/** Another name of the same vendor, with the models the name stood for before. */
export default provider({
  ...dashscope,
  id: 'aliyun',
  models: ['qwen-turbo', 'qwen-plus', 'qwen-max', 'qwen-max-longcontext'],
})
