/**
 * The schema of the configuration, field by field. The checks, `config.schema.json`, the reference page and the types
 * are all derived from it.
 * Besides JSON Schema's keywords a field may have `unit`, `words` (the current words of an `enum` that also has older
 * ones), `aliases` (older key → key) and `lenient` (a number is accepted as text, digit for digit).
 */
import { type Static, type TString, Type } from '@sinclair/typebox'
import { credentialDescriptions } from '../dialects/credentials.ts'
import { aliases, spellings } from '../dialects/legacy.ts'
import { accessFields } from './access.ts'
import { failureFields } from './failures.ts'
import { choice, choiceWithSpellings, flag, group, integer, number, table, text, textList, union } from './fields.ts'
import { MediaSchema } from './media.ts'
import { requestLimits } from './request-limits.ts'
import { TimeoutsSchema } from './timeouts.ts'

const requests = (description: string) => number(description, { unit: 'requests' })

const limitFields = {
  qps: requests('Requests per second. Fractions are allowed: 0.5 is one request every two seconds.'),
  qpm: requests('Requests per minute, in any 60 seconds.'),
  rpm: requests('Requests per minute: another name for `qpm`. If both are set, both apply.'),
  rpd: requests('Requests per day, in any 24 hours.'),
  tpm: number('Tokens per minute, input and output together.', { unit: 'tokens' }),
  rph: requests('Requests per hour, in any 60 minutes.'),
  tpd: number('Tokens per day.', { unit: 'tokens' }),
  rpm_month: requests('Requests per month.'),
  tokens_month: number('Tokens per month.', { unit: 'tokens' }),
  once: number('Tokens in total: a free quota that is given once and never renewed.', { unit: 'tokens' }),
  reset: text(
    'When the limits of a day and a month renew: a time of day with an IANA time zone, such as `00:00 America/Los_Angeles`, or `sliding` for any 24 hours and any 30 days. Without it days are sliding and months begin on the first at 00:00 UTC.',
  ),
  pool: text(
    'A name for these counters. All limits with the same name share them: two keys of one account, or two entries.',
  ),
  concurrency: requests('Requests in progress at the same time. A stream counts until it ends.'),
  timeout: number(
    "How long a request may wait in the queue when no target has room; then it fails with 429. 0 means the default. Inside `credentials` the default is the entry's value.",
    { unit: 'seconds', default: 120 },
  ),
  scope: choice(
    ['entry', 'credential', 'model'],
    'What is counted separately: the whole entry, each of its credentials, or each of its models. Inside `credentials` the default is `credential`.',
    { default: 'entry' },
  ),
}

const LimitSchema = group(limitFields, {
  description: 'How much the gateway may send to the vendor. All limits apply together; 0 means no limit.',
})

const credentialFields = {
  ...(Object.fromEntries(
    Object.entries(credentialDescriptions).map(([name, description]) => [name, text(description, { lenient: true })]),
  ) as Record<keyof typeof credentialDescriptions, TString>),
  limit: LimitSchema,
}
const credentials = (description: string) => group(credentialFields, { description, aliases: aliases.credentials })

export const CredentialsSchema = credentials(
  'The credentials for the vendor. Which keys it needs depends on the service type. It may have its own `limit`.',
)

export const EntrySchema = group({
  id: text(
    'Name of the entry in the log and in counters: letters, digits, `.`, `_`, `-`. It must be unique across all services.',
    { default: '<type>-<n>' },
  ),
  name: text('A label for people. The gateway does not use it.'),
  provider: text('Accepted, no effect. The service type and the host of `server_url` decide which vendor it is.'),
  enabled: flag('Whether the entry is used. Set it to `true`: the default is off.', { default: false }),
  models: textList(
    "The models that clients may request. `prefix*` matches every name with that prefix, `*` every name. If it is empty or missing, the vendor's default models are used, if it has any.",
  ),
  embedding_models: textList('Embedding models. The model `random` never selects them.', { default: [] }),
  credentials: CredentialsSchema,
  credential_list: Type.Array(CredentialsSchema, {
    description:
      'Several credentials, used instead of `credentials`. The `load_balancing` strategy selects one for each request, and each may have its own `limit`.',
  }),
  server_url: text(
    'URL of the vendor: a base URL such as `https://host/v1`, or the full path. Set it only if the default URL of the service type is not the right one.',
    { examples: ['https://api.example.com/v1'] },
  ),
  model_redirect: table(
    Type.String(),
    'Alias → model. Clients may request the alias like a model. An alias of an alias is not resolved.',
  ),
  model_map: table(Type.String(), "Model → the vendor's name for it, applied once after `model_redirect`."),
  reasoning_models: table(Type.String(), 'Accepted, no effect. Reasoning is passed on from every model.'),
  limit: LimitSchema,
  embedding_limit: group(limitFields, {
    description: 'The limit for embedding requests. It has the keys of `limit`, but the default `scope` is `model`.',
  }),
  timeout: number(
    'How long to wait for the first byte of a stream, or for the complete response without streaming. A stream that sends data is never cut off. The default is `timeouts.first_byte`.',
    { unit: 'seconds' },
  ),
  weight: integer(
    'Share of the requests among entries that offer the same model. `first` ignores it; `fastest` uses it only while it has no measurements.',
    { minimum: 1, maximum: 1000, default: 1 },
  ),
  priority: Type.Integer({
    description:
      'Lower numbers come first. An entry with a higher number is used only when no entry with a lower one has room.',
    default: 0,
  }),
  headers: table(
    Type.String(),
    'Headers added to every request to the vendor. A header that normally carries the `api_key` (`Authorization`, `x-api-key`) is sent with the value given here instead.',
  ),
  params: table(Type.Unknown(), "Top-level fields of the request to the vendor. They replace the client's values.", {
    examples: [{ temperature: 0.2 }],
  }),
  proxy: union(
    [Type.String(), Type.Literal(false)],
    'Proxy for this entry (`http://`, `https://` or `socks5://`), or `false` for no proxy. It overrides the `proxy` block.',
  ),
  use_proxy: flag('Whether this entry uses the `proxy` block, under the strategies `default` and `all`.'),
  speaks: textList(
    'What your own `server_url` supports besides the first protocol of the service type: protocol names, or the part of a path after `/v1/`, such as `audio/speech`. Any other path works too: with `my/custom` the gateway serves `POST /v1/my/custom` and forwards it to that path on the host, changing only the model name.',
  ),
})

const ProxySchema = group(
  {
    strategy: choice(
      ['disabled', 'default', 'all', 'force_all'],
      'Which entries use the proxy: none; those with `use_proxy: true`; all except those with `use_proxy: false`; or all.',
      { default: 'disabled' },
    ),
    type: choice(['http', 'socks5'], 'Kind of proxy. Required unless the strategy is `disabled`.'),
    http_proxy: text('Proxy for `http://` vendors, and for all vendors if `https_proxy` is not set.', {
      examples: ['http://user:password@host:8080'],
    }),
    https_proxy: text('Proxy for `https://` vendors, and for all vendors if `http_proxy` is not set.'),
    socks5_proxy: text('SOCKS5 proxy: `host:port` or `socks5://user:password@host:port`.'),
    timeout: number('Accepted, no effect. `timeouts.connect` applies to every connection.', {
      unit: 'seconds',
      default: 30,
    }),
  },
  { description: 'Proxy for requests to vendors.' },
)

const KeySchema = group({
  api_key: text('The key that clients send.'),
  name: text('Name of the key in the log.'),
  supported_models: table(
    Type.Array(Type.String()),
    'Group → the models this key may use. Group names are arbitrary; `prefix*` and `*` work as in `models`. If it is missing, the key may use every model.',
    { examples: [{ free: ['deepseek-flash', 'qwen-*'] }] },
  ),
})

const RangeSchema = group({ min: Type.Number(), max: Type.Number() }, { description: 'Accepted, no effect.' })

const TranslationSchema = group(
  {
    enable: flag('Whether the translation endpoints are served.', { default: true }),
    promptTemplate: text(
      'Prompt for the model. The first `%s` is replaced with the language, the second with the text.',
    ),
    retry: integer('How often a failed text is retried.', { default: 0 }),
    concurrency: integer('How many texts of one request are translated at the same time.', { default: 5 }),
  },
  {
    description:
      'Translation endpoints: `POST /translate` and `/v1/translate` (DeepLX), `/v2/translate` (DeepL). The model is `random` unless the request names one.',
    aliases: aliases.translation,
  },
)

export const ConfigSchema = group({
  $schema: text('Path or URL of the JSON Schema, for editors.'),
  server_port: union(
    [Type.String(), Type.Integer()],
    'Where the gateway listens: `9090`, `:9090`, `host:9090` or `[::1]:9090`. Without a host it listens on all interfaces.',
    { default: ':9090' },
  ),
  log_level: choiceWithSpellings(
    ['debug', 'info', 'warn', 'error'],
    spellings.logLevel,
    'The lowest level that is logged. `prod` means `warn`; `prodj` means `warn`, as JSON even on a terminal.',
    { default: 'info' },
  ),
  log_prompts: flag(
    'Whether request bodies are logged, the first 262144 characters of each. They contain what users write; use it for debugging only.',
    {
      default: false,
    },
  ),
  debug: flag('Accepted, no effect. Use `log_level`.', { default: false }),
  enable_web: flag('Accepted, but the web page is not implemented yet.', { default: false }),
  api_key: text(
    'The key that clients must send. Without it and without `api_keys`, anyone who reaches the port may use the gateway.',
  ),
  api_keys: Type.Array(KeySchema, {
    description: 'More client keys, each with its own list of models. They are valid in addition to `api_key`.',
    default: [],
  }),
  ...accessFields,
  load_balancing: choiceWithSpellings(
    ['random', 'first', 'round_robin', 'hash', 'least_busy', 'fastest'],
    spellings.strategy,
    'How to select among entries and credentials: at random; the first with room; in turn; by conversation, so that it stays on one target; the one with the fewest requests in progress; or the one with the shortest recent time to first byte.',
    { default: 'random' },
  ),
  model_redirect: table(
    Type.String(),
    'Alias → model for all services. An alias of an alias is not resolved. The alias `all` redirects every chat request.',
    { examples: [{ 'gpt-4o': 'deepseek-flash', all: 'random' }] },
  ),
  default_model: text('The model for requests that name none.'),
  services: table(Type.Array(EntrySchema), 'Service type → its entries.'),
  proxy: ProxySchema,
  timeouts: TimeoutsSchema,
  heartbeat: number(
    'A heartbeat is sent to the client when a stream has been silent for this long. 0 turns heartbeats off.',
    { unit: 'seconds', default: 15 },
  ),
  max_body: union(
    [Type.Integer(), Type.String()],
    'Maximum size of a request body: a number of bytes, or text such as `32MB` (1 MB is 1,048,576 bytes).',
    { unit: 'bytes', default: '32MB' },
  ),
  ...requestLimits,
  media: MediaSchema,
  shutdown_timeout: number('How long the gateway waits for open requests when it stops.', {
    unit: 'seconds',
    default: 60,
  }),
  on_loss: choice(
    ['note', 'refuse'],
    'What to do when the target cannot carry everything a request contains: send it and note the loss, or refuse it with 400.',
    { default: 'note' },
  ),
  multi_content_models: textList('Accepted, no effect. Images are passed to every model.'),
  params_range: table(
    group(
      {
        temperatureRange: RangeSchema,
        topPRange: RangeSchema,
        maxTokens: Type.Number({ description: 'Accepted, no effect.' }),
      },
      { description: 'Accepted, no effect.' },
    ),
    'Accepted, no effect. Values are passed on as the client sent them, except values the vendor is known to refuse.',
  ),
  ...failureFields,
  translation: TranslationSchema,
})

export type Config = Static<typeof ConfigSchema>
export type EntryConfig = Static<typeof EntrySchema>
export type LimitConfig = Static<typeof LimitSchema>
export type ProxyConfig = Static<typeof ProxySchema>
export type CredentialsConfig = Static<typeof CredentialsSchema>
