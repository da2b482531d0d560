import { asksOnly, type Entry } from '../entry.ts'
import { provider } from '../provider.ts'
import { limitAsMaxTokens } from '../quirks.ts'
import { openaiPaths, parseServerUrl } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

const isNative = ({ serverUrl }: Entry): boolean =>
  serverUrl !== undefined && /^\/api(\/|$)/.test(parseServerUrl(serverUrl).path)

/** docs.ollama.com/api/openai-compatibility: `max_tokens` is the only limit it names; a key is needed by ollama.com alone. */
export default provider({
  id: 'ollama',
  title: 'Ollama',
  docs: 'https://docs.ollama.com/api/openai-compatibility',
  checked: '2026-11',
  quirks: ['`max_tokens` is the only limit'],
  base: 'http://localhost:11434/v1',
  hosts: ['*'],
  paths: openaiPaths('completions', 'embeddings', 'images/generations', 'audio/speech', 'audio/transcriptions'),
  sign: bearer,
  credentials: [],
  keyless: true,
  patchRequest: { 'openai-chat': limitAsMaxTokens },
  variants: [
    {
      when: entry => isNative(entry) && asksOnly(entry, ['embedding']),
      base: ({ entry }) => parseServerUrl(entry.serverUrl!).origin,
      paths: { 'ollama/embed': '/api/embed' },
    },
    {
      when: isNative,
      unsupported:
        "Ollama's native address (/api/…) is not spoken yet; write its OpenAI-compatible one: server_url http://localhost:11434/v1",
    },
  ],
})
