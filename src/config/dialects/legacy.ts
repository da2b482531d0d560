/** Spellings of simple-one-api from v0.6 to v0.10 that differ from today's. */

/** Other words for a value → the value. */
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

/** Log levels that ask for JSON on a terminal too. */
export const jsonLevels: ReadonlySet<string> = new Set(['prodj', 'prodjson', 'productionjson'])

/** Other names of a key → the key. The third s of `addresss` is no slip of this file; YAML files have `prompt_template`. */
export const aliases = {
  credentials: { addresss: 'address' },
  translation: { prompt_template: 'promptTemplate' },
}

/** Service types that only development versions had, each with a word on what to write instead. */
export const retiredTypes: ReadonlyMap<string, string> = new Map([
  [
    'jiutian',
    'not spoken yet; if its address speaks as OpenAI does, write it as a service of type openai with this server_url',
  ],
])

/** What people write as a key where a server wants none: no secrets, and words that logs need. */
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
