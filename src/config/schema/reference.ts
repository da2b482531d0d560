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
    section('Top level', 'The file is one object. Every key is optional.', ConfigSchema, wholeExample),
    section(
      'An entry of `services`',
      `One element of \`services.<type>[]\`.\n\n${typesList()}`,
      EntrySchema,
      entryExample,
    ),
    section('Credentials', CredentialsSchema.description!, CredentialsSchema, credentialsExample),
    ...nestedSections().map(([title, path, schema, example]) =>
      section(title, wrap(`At ${path}. ${schema.description ?? ''}`), schema, example),
    ),
    closing,
  ].join('\n')

const typesList = () =>
  [
    'The types:\n',
    codeBlock(providers.keys()),
    '\nKnown types that are not supported yet:\n',
    codeBlock(unsupported.keys()),
  ].join('\n')

const codeBlock = (names: Iterable<string>): string => ['```text', wrap([...names].join(' ')), '```'].join('\n')

/** Breaks text into lines of at most 120 characters. */
export const wrap = (text: string): string => text.replace(/(.{1,120})(?: |$)/g, '$1\n').trimEnd()

const nestedSections = (): [string, string, TSchema, string][] => {
  const {
    api_keys: keys,
    proxy,
    timeouts,
    media,
    circuit_breaker: breaker,
    translation,
    params_range: range,
  } = ConfigSchema.properties
  return [
    ['Limits', '`limit`, `embedding_limit` and `credentials.limit`', EntrySchema.properties.limit, limitExample],
    ['Client keys', '`api_keys[]`', keys.items, keysExample],
    ['Proxy', '`proxy`', proxy, proxyExample],
    ['Timeouts', '`timeouts`', timeouts, timeoutsExample],
    ['Media', '`media`', media, '{ "media": { "allow_private": ["10.1.0.0/16"], "max_bytes": "40MB" } }'],
    ['Circuit breaker', '`circuit_breaker`', breaker, '{ "circuit_breaker": { "enabled": true } }'],
    ['Translation', '`translation`', translation, '{ "translation": { "enable": false } }'],
    ['Parameter ranges', '`params_range.<model>`', Object.values(range.patternProperties)[0]!, rangeExample],
  ]
}

const section = (title: string, text: string, schema: TSchema, example: string): string =>
  [`## ${title}`, '', text.trim(), '', ...rows(schema), '', '```json', pretty(example), '```', ''].join('\n')

const rows = ({ properties }: TSchema): string[] => [
  '| key | type | default | unit | description |',
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

const opening = `# Configuration

Generated from the schema by \`npm run docs\`. The program checks a configuration against the same schema.

The file is JSON (comments and trailing commas are allowed) or YAML with the same keys. The program reads the file named
on the command line. Without one, it looks for \`config.json\`, \`config.yaml\` or \`config.yml\` in the working
directory, in its \`config/\` folder, and next to the executable. \`simple-one-api check\` reports every problem with
its path and line. An error prevents the start; a warning does not.

For completion in an editor, write \`"$schema": "./config.schema.json"\` into the file. \`simple-one-api schema\` prints
the schema.

**Variables.** Any text may contain \`\${NAME}\` or \`\${NAME:-default}\`. A variable that is not set and has no default
is an error. Write \`$\${\` for a literal \`\${\`. Text with a variable may also stand where a number or a boolean is
expected. A \`.env\` file next to the configuration adds variables; the environment takes precedence.

**Older files.** Files of simple-one-api v0.6 to v0.10 work unchanged, including their spellings. A key in another
letter case works, with a warning. An unknown key gets a warning with the closest known key. Keys that begin with \`_\`,
\`//\`, \`#\` or \`x-\` are comments. Entries of service types that are not supported yet are skipped with a warning
that says what to use instead.
`

const closing = `## Differences from simple-one-api

- \`timeout\` of an entry limited the complete response and was 30 s by default. Here it limits the wait for the first
  byte of a stream, or for a complete response without streaming. A stream that sends data is never cut off. The default is
  \`timeouts.first_byte\`.
- All numbers of a \`limit\` apply together. There, only the first of \`qps\`, \`qpm\`, \`rpm\`, \`concurrency\` did.
  \`qps\` below 1 works.
- \`round_robin\` selects in turn, and \`hash\` keeps a conversation on its target. All spellings work (\`round-robin\`,
  \`rr\`, \`rand\`).
- \`api_key\` and \`api_keys\` are both valid, on every endpoint.
- \`use_proxy: false\` under the strategies \`default\` and \`all\` means no proxy at all, not even the one from the
  environment.
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
