/** Compiles a checked configuration into the form that the rest of the program uses. */
import { translationOptions } from '../protocols/deepl/index.ts'
import type { Entry } from '../providers/entry.ts'
import { allInterfaces, parseHostName, parseListen, parseOrigin, parseRange, parseSize } from './address.ts'
import { secretsOf } from './checks/secrets.ts'
import { compileFailures } from './compile-failures.ts'
import type { AccessSettings, CompiledConfig, KeyRule, LogLevel, MaxItems, Strategy } from './compiled.ts'
import { jsonLevels, spellings } from './dialects/legacy.ts'
import { toMap } from './entry-config.ts'
import type { Config } from './schema/schema.ts'

const defaults = { port: 9090, maxBody: 32 * 2 ** 20, maxValues: 200_000, maxMedia: 20 * 2 ** 20 }

const defaultMaxItems: MaxItems = {
  messages: 20_000,
  tools: 2000,
  calls: 20_000,
  stop_sequences: 1000,
  inputs: 10_000,
  parts: 2000,
  form_fields: 10_000,
  media: 2000,
}

/** Applies defaults and spellings. `path` is the absolute path of the file, if there is one. */
export const compile = (config: Config, entries: Entry[], keys: KeyRule[], path?: string): CompiledConfig => {
  const { log_level: level = 'info', load_balancing: strategy = 'random' } = config
  const defaultModel = config.default_model?.trim()
  return {
    ...(path !== undefined && { path }),
    ...(parseListen(config.server_port ?? '') ?? { host: allInterfaces, port: defaults.port }),
    logLevel: resolveSpelling<LogLevel>(spellings.logLevel, level),
    logFormat: jsonLevels.has(level) ? 'json' : 'auto',
    logPrompts: config.log_prompts ?? false,
    keys,
    access: accessOf(config),
    strategy: resolveSpelling<Strategy>(spellings.strategy, strategy),
    entries,
    redirect: toMap(config.model_redirect),
    ...(defaultModel && { defaultModel }),
    timeouts: timeoutsOf(config.timeouts),
    ...compileFailures(config),
    heartbeat: config.heartbeat ?? 15,
    ...requestLimitsOf(config),
    media: mediaOf(config.media),
    shutdownTimeout: config.shutdown_timeout ?? 60,
    ...translationOf(config.translation),
    onLoss: config.on_loss ?? 'note',
    secrets: secretsOf(config),
  }
}

const timeoutsOf = (timeouts: Config['timeouts'] = {}): CompiledConfig['timeouts'] => ({
  connect: timeouts.connect ?? 10,
  firstByte: timeouts.first_byte ?? 300,
  idle: timeouts.idle ?? 120,
  total: timeouts.total ?? 1800,
})

const accessOf = (config: Config): AccessSettings => ({
  allowedHosts: (config.allowed_hosts ?? []).flatMap(name => parseHostName(name) ?? []),
  allowedOrigins: (config.allowed_origins ?? []).flatMap(origin => parseOrigin(origin) ?? []),
  trustedProxies: rangesIn(config.trusted_proxies),
  allowAddresses: rangesIn(config.allow_addresses),
  denyAddresses: rangesIn(config.deny_addresses),
})

const rangesIn = (list: readonly string[] = []): string[] => list.flatMap(range => parseRange(range) ?? [])

/** The translation endpoints are enabled by default. */
const translationOf = (config: Config['translation'] = {}): Pick<CompiledConfig, 'translation'> => {
  const { enable = true, promptTemplate: template, retry, concurrency } = config
  return enable ? { translation: translationOptions({ template, retry, concurrency }) } : {}
}

const requestLimitsOf = (config: Config): Pick<CompiledConfig, 'maxBody' | 'maxValues' | 'maxItems'> => ({
  maxBody: parseSize(config.max_body ?? '') ?? defaults.maxBody,
  maxValues: config.max_values ?? defaults.maxValues,
  maxItems: { ...defaultMaxItems, ...config.max_items },
})

const mediaOf = (config: Config['media'] = {}): CompiledConfig['media'] => ({
  allowPrivate: rangesOf(config.allow_private ?? false),
  maxBytes: parseSize(config.max_bytes ?? '') ?? defaults.maxMedia,
  maxFiles: config.max_files ?? 16,
  timeout: config.timeout ?? 15,
})

const rangesOf = (allowed: boolean | string[]): boolean | string[] =>
  typeof allowed === 'boolean' ? allowed : rangesIn(allowed)

/** Resolves another spelling of a value. */
const resolveSpelling = <T extends string>(known: Readonly<Record<string, T>>, value: string): T =>
  Object.hasOwn(known, value) ? known[value]! : (value as T)
