/**
 * The schema of the configuration, field by field. It is the single source of the checks, of `config.schema.json`, of
 * the reference page and of the types.
 * Besides JSON Schema's keywords a field may have `unit`, `words` (the current words of an `enum` that also has older
 * ones), `aliases` (older key → key) and `lenient` (a number is accepted as text, digit for digit).
 */
import { type Static, type TString, Type } from '@sinclair/typebox'
import { credentialDescriptions } from '../dialects/credentials.ts'
import { aliases, spellings } from '../dialects/legacy.ts'
import { choice, choiceWithSpellings, flag, group, integer, number, table, text, textList, union } from './fields.ts'

const limitFields = {
  qps: number('Requests a second. Fractions count too: 0.5 is one in two seconds.', { unit: 'requests' }),
  qpm: number('Requests a minute, over any 60 seconds.', { unit: 'requests' }),
  rpm: number('Requests a minute: another name of `qpm`. If both are given, both hold.', { unit: 'requests' }),
  rpd: number('Requests a day, over any 24 hours.', { unit: 'requests' }),
  tpm: number('Tokens a minute, of question and answer together.', { unit: 'tokens' }),
  concurrency: number('Requests at once; a stream counts until it ends.', { unit: 'requests' }),
  timeout: number(
    "How long a request may wait for its turn if no other target is free; 0 is the default. Inside `credentials` it is the entry's unless given.",
    { unit: 'seconds', default: 120 },
  ),
  scope: choice(
    ['entry', 'credential', 'model'],
    'Who has a counter of its own: the entry, each of its credentials, or each of its models. Inside `credentials` it is the credential unless given.',
    {
      default: 'entry',
    },
  ),
}

const LimitSchema = group(limitFields, {
  description: 'How much may be asked. All given numbers are in force together; 0 is no limit.',
})

const credentialFields = {
  ...(Object.fromEntries(
    Object.entries(credentialDescriptions).map(([name, description]) => [name, text(description, { lenient: true })]),
  ) as Record<keyof typeof credentialDescriptions, TString>),
  limit: LimitSchema,
}
const credentials = (description: string) => group(credentialFields, { description, aliases: aliases.credentials })

export const CredentialsSchema = credentials(
  'What the vendor knows you by; which names it needs depends on the service type. May have a `limit` of its own.',
)

export const EntrySchema = group({
  id: text('Name of the entry in logs and counters: letters, digits, `.`, `_`, `-`. Unique over all services.', {
    default: '<type>-<n>',
  }),
  name: text('A label for people.'),
  provider: text('Accepted; without effect: a vendor is known by the service type and the host of `server_url`.'),
  enabled: flag('Only enabled entries are used.', { default: false }),
  models: textList(
    "The models clients may ask for. A trailing `*` stands for every name that begins so, `*` alone for every name. Empty: the vendor's usual ones, where there are such.",
  ),
  embedding_models: textList('Models for embeddings only: never chosen by `random`.', { default: [] }),
  credentials: CredentialsSchema,
  credential_list: Type.Array(CredentialsSchema, {
    description:
      'Several credentials, used in turn by the `load_balancing` strategy; each with a `limit` of its own, if wanted. Takes the place of `credentials`.',
  }),
  server_url: text('Address of the vendor, if not the usual one: a base such as `https://host/v1`, or the full path.', {
    examples: ['https://api.example.com/v1'],
  }),
  model_redirect: table(Type.String(), 'Alias → model, one hop. An alias can be asked for like a model.'),
  model_map: table(Type.String(), "Model → the vendor's own name of it, one hop, after `model_redirect`."),
  reasoning_models: table(Type.String(), 'Accepted; without effect: reasoning is passed on from every model.'),
  limit: LimitSchema,
  embedding_limit: group(limitFields, {
    description: 'How many embeddings may be asked; as `limit`, but `scope` is `model` unless given.',
  }),
  timeout: number(
    'How long the vendor may take to the first byte of a stream, or to the whole of an answer that is no stream. A stream that flows is never cut. Without it `timeouts.first_byte` holds.',
    {
      unit: 'seconds',
    },
  ),
  weight: integer(
    'Share of the requests among the entries of a model, for all strategies but `first`; `fastest` only draws by it where it knows nothing.',
    {
      minimum: 1,
      maximum: 1000,
      default: 1,
    },
  ),
  priority: Type.Integer({
    description: 'Targets of a higher number are used only when none of a lower one can take a request now.',
    default: 0,
  }),
  headers: table(
    Type.String(),
    'Headers added to every request to the vendor. One in which the `api_key` would go (`Authorization`, `x-api-key`) goes as it is written here, instead of the key.',
  ),
  params: table(Type.Unknown(), "Top-level fields of the request; they replace the client's.", {
    examples: [{ temperature: 0.2 }],
  }),
  proxy: union(
    [Type.String(), Type.Literal(false)],
    'Proxy of this entry alone (`http://`, `https://` or `socks5://`), or `false` for none; goes before everything in the `proxy` block.',
  ),
  use_proxy: flag('Whether the `proxy` block holds for this entry, where its `strategy` leaves the choice.'),
  speaks: textList(
    "What a host of your own speaks beside the service's first protocol: names of protocols, or what follows `/v1/` in a path, such as `audio/speech`. Any other path may be named: `my/custom` opens `POST /v1/my/custom`, which is passed to the same path beside the host's chat, whole, but for the model's name.",
  ),
})

const ProxySchema = group(
  {
    strategy: choice(
      ['disabled', 'default', 'all', 'force_all'],
      'Who goes through the proxy: nobody; entries with `use_proxy: true`; all but those with `use_proxy: false`; all.',
      { default: 'disabled' },
    ),
    type: choice(['http', 'socks5'], 'Kind of the proxy; needed unless the strategy is `disabled`.'),
    http_proxy: text('Proxy for `http://` vendors, and for all if `https_proxy` is not given.', {
      examples: ['http://user:password@host:8080'],
    }),
    https_proxy: text('Proxy for `https://` vendors, and for all if `http_proxy` is not given.'),
    socks5_proxy: text('SOCKS5 proxy, `host:port` or `socks5://user:password@host:port`.'),
    timeout: number('Accepted; without effect: `timeouts.connect` bounds every connection.', {
      unit: 'seconds',
      default: 30,
    }),
  },
  { description: 'Proxy on the way to the vendors.' },
)

const KeySchema = group({
  api_key: text('The key, as clients send it.'),
  name: text('Name of its owner in the log.'),
  supported_models: table(
    Type.Array(Type.String()),
    'Group → the models the key may ask for; the names of the groups mean nothing. `prefix*` and `*` are understood. Left out: every model.',
    {
      examples: [{ free: ['deepseek-flash', 'qwen-*'] }],
    },
  ),
})

const TimeoutsSchema = group(
  {
    connect: number('To a connection with the vendor.', {
      unit: 'seconds',
      default: 10,
      minimum: undefined,
      exclusiveMinimum: 0,
    }),
    first_byte: number('From all of the request to the first byte of its answer.', {
      unit: 'seconds',
      default: 300,
      minimum: undefined,
      exclusiveMinimum: 0,
    }),
    idle: number(
      'Between two pieces of an answer. As long may a client take none of what lies ready for it, or send nothing of its upload, before it is taken to be gone.',
      {
        unit: 'seconds',
        default: 120,
        minimum: undefined,
        exclusiveMinimum: 0,
      },
    ),
  },
  { description: 'How long a vendor may be silent.' },
)

const MediaSchema = group(
  {
    allow_private: union(
      [Type.Boolean(), Type.Array(Type.String())],
      'Whether such files may lie on this machine or in private networks: `true`, but for the metadata of a cloud; or the addresses and ranges that are allowed beside the public ones.',
      { default: false, examples: [['10.1.0.0/16']] },
    ),
    max_bytes: union(
      [Type.Integer(), Type.String()],
      'How large one file may be: bytes, or text such as `20MB`. All files of a request together may be twice that.',
      { unit: 'bytes', default: '20MB' },
    ),
    max_files: integer('How many files one request may name by URL.', { unit: 'files', default: 16 }),
    timeout: number('How long one file may take, redirects and all.', {
      unit: 'seconds',
      default: 15,
      minimum: undefined,
      exclusiveMinimum: 0,
    }),
  },
  {
    description:
      'Images and other files a request names by URL, where the vendor takes only their bytes: the gateway fetches them, straight and never through a proxy, over http and https from public addresses.',
  },
)

const RangeSchema = group({ min: Type.Number(), max: Type.Number() })

const BreakerSchema = group(
  {
    enabled: flag('Accepted; see above.', { default: true }),
    failure_threshold: integer('Accepted; see above.', { default: 5 }),
    recovery_timeout_seconds: number('Accepted; see above.', { unit: 'seconds', default: 30 }),
    half_open_max_requests: integer('Accepted; see above.', { default: 1 }),
  },
  { description: 'Accepted; not in force yet: no target is taken out of service for its failures.' },
)

const TranslationSchema = group(
  {
    enable: flag('Serves the translation addresses.', { default: true }),
    promptTemplate: text(
      'The words a translation is asked for in: `%s` stands first for the language, then for the text.',
    ),
    retry: integer('Further tries of a text that failed.', { default: 0 }),
    concurrency: integer('Texts of one request under way at once.', { default: 5 }),
  },
  {
    description:
      'Translations at `POST /translate`, `/v1/translate` (as DeepLX), `/v2/translate` (as DeepL), answered by the model `random` or the one named.',
    aliases: aliases.translation,
  },
)

export const ConfigSchema = group({
  $schema: text('Where editors find the schema of this file.'),
  server_port: union(
    [Type.String(), Type.Integer()],
    'Where the gateway listens: `9090`, `:9090`, `host:9090` or `[::1]:9090`. Without a host on every interface.',
    {
      default: ':9090',
    },
  ),
  log_level: choiceWithSpellings(
    ['debug', 'info', 'warn', 'error'],
    spellings.logLevel,
    'How much is logged. `prod` is `warn`; `prodj` is `warn` written as JSON on a terminal too.',
    { default: 'info' },
  ),
  log_prompts: flag('Writes the bodies of requests into the log.', { default: false }),
  debug: flag('Accepted; without effect: `log_level` says how much is logged.', { default: false }),
  enable_web: flag('Accepted; the web page is not built yet.', { default: false }),
  api_key: text('The key clients must send. Neither this nor `api_keys`: anybody may ask.'),
  api_keys: Type.Array(KeySchema, {
    description: 'More keys, each for some of the models. They hold together with `api_key`.',
    default: [],
  }),
  load_balancing: choiceWithSpellings(
    ['random', 'first', 'round_robin', 'hash', 'least_busy', 'fastest'],
    spellings.strategy,
    'How one of several entries, or credentials, is chosen: by lot, the first that is free, in turn, by the conversation, so that it stays where it was, the one with the fewest requests under way, or the one that has begun to answer soonest of late.',
    { default: 'random' },
  ),
  model_redirect: table(
    Type.String(),
    'Alias → model for all services, one hop. The alias `all` stands for every chat request.',
    { examples: [{ 'gpt-4o': 'deepseek-flash', all: 'random' }] },
  ),
  default_model: text('The model of a request that names none.'),
  services: table(Type.Array(EntrySchema), 'Service type → its entries.'),
  proxy: ProxySchema,
  timeouts: TimeoutsSchema,
  heartbeat: number('How long a stream may be silent before the client gets a sign of life; 0: none is sent.', {
    unit: 'seconds',
    default: 15,
  }),
  max_body: union(
    [Type.Integer(), Type.String()],
    'How large a request may be: bytes, or text such as `32MB` (1 MB is 1,048,576 bytes).',
    { unit: 'bytes', default: '32MB' },
  ),
  media: MediaSchema,
  shutdown_timeout: number('How long a stopping gateway waits for its open requests.', {
    unit: 'seconds',
    default: 60,
  }),
  on_loss: choice(
    ['note', 'refuse'],
    'What happens to a request of which the target cannot carry everything: it is done and the loss noted, or refused with status 400.',
    { default: 'note' },
  ),
  multi_content_models: textList('Accepted; without effect: images go to every model, none is ever stripped.'),
  params_range: table(
    group({ temperatureRange: RangeSchema, topPRange: RangeSchema, maxTokens: Type.Number() }),
    'Accepted; without effect: values go to the vendor as the client sent them, but for what a provider is known to refuse.',
  ),
  circuit_breaker: BreakerSchema,
  translation: TranslationSchema,
})

export type Config = Static<typeof ConfigSchema>
export type EntryConfig = Static<typeof EntrySchema>
export type LimitConfig = Static<typeof LimitSchema>
export type ProxyConfig = Static<typeof ProxySchema>
export type CredentialsConfig = Static<typeof CredentialsSchema>
