/** Spellings of simple-one-api v0.6 to v0.10 that differ from the current ones. */

/** Other spelling of a value → the value. */
export const spellings = {
  strategy: {
    'round-robin': 'round_robin',
    roundrobin: 'round_robin',
    rr: 'round_robin',
    rand: 'random',
    'least-busy': 'least_busy',
    leastbusy: 'least_busy',
  },
  logLevel: {
    dev: 'info',
    development: 'info',
    warning: 'warn',
    prod: 'warn',
    production: 'warn',
    prodj: 'warn',
    prodjson: 'warn',
    productionjson: 'warn',
  },
} as const

/** Log levels that also select JSON on a terminal. */
export const jsonLevels: ReadonlySet<string> = new Set(['prodj', 'prodjson', 'productionjson'])

/** Other name of a key → the key. The third s of `addresss` is intentional. YAML files use `prompt_template`. */
export const aliases = {
  credentials: { addresss: 'address' },
  translation: { prompt_template: 'promptTemplate' },
}

/** Service types that only existed in development versions, with what to configure instead. */
export const retiredTypes: ReadonlyMap<string, string> = new Map([
  ['jiutian', 'not supported yet; if its API is OpenAI-compatible, use a service of type openai with this server_url'],
])

/**
 * Placeholders that people write for servers without keys. They are not secrets, and redacting them would damage the
 * log.
 */
export const placeholders: ReadonlySet<string> = new Set([
  'dummy',
  'empty',
  'lm-studio',
  'lmstudio',
  'mock',
  'no-key',
  'none',
  'not-needed',
  'null',
  'ollama',
  'test',
  'vllm',
])
