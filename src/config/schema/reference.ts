/** Renders the configuration schema as JSON Schema for editors and as a reference page. */
import type { TSchema } from '@sinclair/typebox'
import { providers, unsupported } from '../../providers/index.ts'
import { ConfigSchema, CredentialsSchema, EntrySchema } from './schema.ts'

type Schema = Record<string, unknown>

/** JSON Schema (draft 2020-12) of the configuration, with every known service type. Ends with a newline. */
export const schemaText = (): string => {
  const { services } = ConfigSchema.properties
  const entries = { type: 'array', items: { $ref: '#/$defs/entry' } }
  const supportedTypes = [...providers].map(([id, { title }]) => [id, { ...entries, description: title }])
  const unsupportedTypes = [...unsupported].map(([id, hint]) => [
    id,
    { ...entries, description: hint, deprecated: true },
  ])
  const properties = {
    ...ConfigSchema.properties,
    services: {
      type: 'object',
      description: services.description,
      properties: Object.fromEntries([...supportedTypes, ...unsupportedTypes]),
    },
  }
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Configuration of simple-one-api',
    type: 'object',
    properties,
    $defs: { entry: EntrySchema },
  }
  return `${JSON.stringify(stripInternalKeywords(schema), null, 2)}\n`
}

/** Removes the keywords that only this program reads. The unit is added to the description. */
const stripInternalKeywords = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(stripInternalKeywords)
  if (typeof value !== 'object' || value === null) return value
  const { aliases: _, words: __, lenient: ___, unit, ...rest } = value as Schema
  const withUnit =
    typeof unit === 'string' && typeof rest['description'] === 'string'
      ? { description: `${rest['description']} In ${unit}.` }
      : {}
  return Object.fromEntries(
    Object.entries({ ...rest, ...withUnit }).map(([key, inner]) => [key, stripInternalKeywords(inner)]),
  )
}

/** The reference page in Markdown. */
export const referencePage = (): string =>
  [
    opening,
    section('The whole', 'One object; every key may be left out.', ConfigSchema, wholeExample),
    section(
      'An entry of `services`',
      `One element of \`services.<type>[]\`. ${typesSentence()}`,
      EntrySchema,
      entryExample,
    ),
    section('Credentials', CredentialsSchema.description!, CredentialsSchema, credentialsExample),
    ...nestedSections().map(([title, path, schema, example]) =>
      section(title, `At ${path}. ${schema.description ?? ''}`, schema, example),
    ),
    closing,
  ].join('\n')

const typesSentence = () =>
  `The types: ${[...providers.keys()].map(id => `\`${id}\``).join(', ')}. Known, but not spoken yet: ${[...unsupported.keys()].map(id => `\`${id}\``).join(', ')}.`

const nestedSections = (): [string, string, TSchema, string][] => {
  const {
    api_keys: keys,
    proxy,
    timeouts,
    circuit_breaker: breaker,
    translation,
    params_range: range,
  } = ConfigSchema.properties
  return [
    ['Limits', '`limit`, `embedding_limit` and `credentials.limit`', EntrySchema.properties.limit, limitExample],
    ['Keys', '`api_keys[]`', keys.items, keysExample],
    ['Proxy', '`proxy`', proxy, proxyExample],
    ['Timeouts', '`timeouts`', timeouts, timeoutsExample],
    ['Breaker', '`circuit_breaker`', breaker, '{ "circuit_breaker": { "enabled": true } }'],
    ['Translation', '`translation`', translation, '{ "translation": { "enable": false } }'],
    ['Ranges of parameters', '`params_range.<model>`', Object.values(range.patternProperties)[0]!, rangeExample],
  ]
}

const section = (title: string, text: string, schema: TSchema, example: string): string =>
  [`## ${title}`, '', text.trim(), '', ...rows(schema), '', '```json', pretty(example), '```', ''].join('\n')

const rows = ({ properties }: TSchema): string[] => [
  '| key | type | default | unit | |',
  '| --- | --- | --- | --- | --- |',
  ...Object.entries(properties as Record<string, TSchema>).map(([key, schema]) => row(key, schema)),
]

const row = (key: string, schema: TSchema): string => {
  const { default: defaultValue, unit = '', description = '' } = schema
  const text = typeof defaultValue === 'string' ? defaultValue : JSON.stringify(defaultValue)
  const value = defaultValue === undefined ? '' : `\`${text}\``
  return `| \`${key}\` | ${typeOf(schema)} | ${value} | ${unit} | ${description} |`
}

const typeNames: Record<string, string> = {
  string: 'text',
  boolean: 'boolean',
  number: 'number',
  integer: 'whole number',
  object: 'object',
}

const typeOf = (schema: TSchema): string => {
  if (schema['anyOf']) return schema['anyOf'].map(typeOf).join(' or ')
  if (schema['const'] !== undefined) return `\`${schema['const']}\``
  if (schema['words']) return schema['words'].map((word: string) => `\`${word}\``).join(', ')
  if (schema['type'] === 'array') return `list of ${typeOf(schema['items'])}`
  const [value] = Object.values((schema['patternProperties'] ?? {}) as Record<string, TSchema>)
  if (value) return `names → ${typeOf(value)}`
  return typeNames[schema['type']] ?? 'anything'
}

const pretty = (example: string): string => JSON.stringify(JSON.parse(example), null, 2)

const opening = `# The configuration

Generated from the schema by \`npm run docs\`; what it says is what the program checks.

The file is JSON (comments and trailing commas are welcome) or YAML with the same keys. The program takes the one named on the command line, else \`config.json\`, \`config.yaml\` or \`config.yml\`
in the working directory, in its \`config/\`, or next to the executable. \`simple-one-api check\` tells every problem with its path and line: an error keeps the file from being used, a warning does not.
For an editor that knows JSON Schema write \`"$schema": "./config.schema.json"\`, or let \`simple-one-api schema\` write the schema out.

**Variables.** Any text may hold \`\${NAME}\` or \`\${NAME:-default}\`; a variable that is not set and has no default is an error, \`$\${\` is a plain \`\${\`. A text that held a variable may stand for a number or
a boolean too. A \`.env\` file beside the configuration adds variables; those of the environment go before it.

**Older files.** A file of simple-one-api v0.6 to v0.10 works as it is, in its spellings too. Keys in another letter case are taken with a warning, unknown ones are told with the nearest known one. Keys that begin with \`_\`, \`//\`,
\`#\` or \`x-\` are remarks. Service types that are known but not spoken yet are skipped with a word on what to write instead.
`

const closing = `## What differs from simple-one-api

- \`timeout\` of an entry bounded the whole answer and was 30 s if not given. Here it bounds the wait for the first byte (of an answer that is no stream: the wait for the answer), a stream that flows is never cut, and without it \`timeouts.first_byte\` holds.
- All numbers of a \`limit\` hold together; there only the first of \`qps\`, \`qpm\`, \`rpm\`, \`concurrency\` did. \`qps\` below 1 works.
- \`round_robin\` goes round, \`hash\` keeps a conversation where it was, in every spelling (\`round-robin\`, \`rr\`, \`rand\`).
- \`api_key\` and \`api_keys\` hold together, on every address.
- \`use_proxy: false\` under the strategies \`default\` and \`all\` means no proxy at all, not even the environment's.
`

const wholeExample =
  '{ "server_port": ":9090", "api_key": "${GATEWAY_KEY}", "load_balancing": "round_robin", "services": { "deepseek": [ { "models": ["deepseek-flash"], "enabled": true, "credentials": { "api_key": "${DEEPSEEK_KEY}" } } ] } }'
const entryExample =
  '{ "services": { "openai": [ { "id": "spare", "models": ["gpt-4o-mini", "o*"], "embedding_models": ["text-embedding-3-small"], "enabled": true, "credentials": { "api_key": "${OPENAI_KEY}" }, "limit": { "rpm": 60, "concurrency": 4 }, "priority": 1 } ] } }'
const credentialsExample =
  '{ "services": { "groq": [ { "models": ["llama-3.3-70b-versatile"], "enabled": true, "credential_list": [ { "api_key": "${GROQ_KEY_1}", "limit": { "rpm": 30, "rpd": 1000 } }, { "api_key": "${GROQ_KEY_2}" } ] } ] } }'
const limitExample =
  '{ "limit": { "qps": 0.5, "rpm": 15, "rpd": 1500, "tpm": 250000, "concurrency": 2, "timeout": 30, "scope": "credential" } }'
const keysExample =
  '{ "api_keys": [ { "name": "ada", "api_key": "${ADAS_KEY}", "supported_models": { "cheap": ["deepseek-flash", "qwen-*"] } } ] }'
const proxyExample =
  '{ "proxy": { "strategy": "default", "type": "socks5", "socks5_proxy": "socks5://${PROXY_USER}:${PROXY_PASSWORD}@10.0.0.2:1080" } }'
const timeoutsExample = '{ "timeouts": { "connect": 10, "first_byte": 300, "idle": 120 }, "heartbeat": 15 }'
const rangeExample =
  '{ "params_range": { "glm-4": { "temperatureRange": { "min": 0, "max": 1 }, "topPRange": { "min": 0, "max": 1 }, "maxTokens": 4095 } } }'
