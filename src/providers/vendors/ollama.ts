import { type Entry, servesOnlyKinds } from '../entry.ts'
import { provider } from '../provider.ts'
import { renameToMaxTokens } from '../quirks.ts'
import { openaiPaths, parseServerUrl } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

const isNativeUrl = ({ serverUrl }: Entry): boolean =>
  serverUrl !== undefined && /^\/api(\/|$)/.test(parseServerUrl(serverUrl).path)

/**
 * `max_tokens` is the only documented limit (docs.ollama.com/api/openai-compatibility). Only ollama.com needs a key.
 */
export default provider({
  id: 'ollama',
  title: 'Ollama',
  docs: 'https://docs.ollama.com/api/openai-compatibility',
  checked: '2026-11',
  quirks: ['`max_completion_tokens` is sent as `max_tokens`'],
  base: 'http://localhost:11434/v1',
  hosts: ['*'],
  paths: openaiPaths('completions', 'embeddings', 'images/generations', 'audio/speech', 'audio/transcriptions'),
  sign: bearer,
  credentials: [],
  keyless: true,
  patchRequest: { 'openai-chat': renameToMaxTokens },
  variants: [
    {
      when: entry => isNativeUrl(entry) && servesOnlyKinds(entry, ['embedding']),
      base: ({ entry }) => parseServerUrl(entry.serverUrl!).origin,
      paths: { 'ollama/embed': '/api/embed' },
    },
    {
      when: isNativeUrl,
      unsupported:
        "Ollama's native API (/api/…) is not supported yet; use its OpenAI-compatible URL: server_url http://localhost:11434/v1",
    },
  ],
})
