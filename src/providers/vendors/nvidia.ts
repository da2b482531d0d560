import { provider } from '../provider.ts'
import { developerToSystem, dropZeroPenalties, omit } from '../quirks.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * A field that a model's server does not know gets 422 or 400: penalties, even 0 (github.com/Kilo-Org/kilocode issue
 * 9652, 2026-04), and prompt_cache_key (github.com/sipeed/picoclaw issue 1019). Many models accept penalties, so only
 * penalties of 0 are removed. Model names are from the public list of 2026-09. meta/llama-3.3-70b-instruct gets 410
 * (github.com/openmake/openmake_llm pull 749).
 */
export default provider({
  id: 'nvidia',
  title: 'NVIDIA NIM',
  docs: 'https://docs.api.nvidia.com/nim/reference/llm-apis',
  checked: '2026-11',
  quirks: ['penalties of 0 and `prompt_cache_key` are removed', 'the role `developer` is sent as `system`'],
  base: 'https://integrate.api.nvidia.com/v1',
  paths: openaiPaths('completions', 'embeddings'),
  sign: bearer,
  credentials: ['api_key'],
  models: ['nvidia/nemotron-3-super-120b-a12b', 'openai/gpt-oss-20b'],
  patchRequest: {
    'openai-chat': (body, noteLoss) => {
      developerToSystem(body)
      omit(body, 'prompt_cache_key', noteLoss)
      dropZeroPenalties(body)
    },
  },
})
