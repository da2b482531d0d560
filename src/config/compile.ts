/** A checked configuration → what the rest of the house reads. */
import { defaultTranslationOptions } from '../protocols/deepl/index.ts'
import type { Entry } from '../providers/entry.ts'
import { everyInterface, parseListen, parseRange, parseSize } from './address.ts'
import { secretsOf } from './checks/secrets.ts'
import type { Compiled, KeyRule, LogLevel, Strategy } from './compiled.ts'
import { jsonLevels, spellings } from './dialects/legacy.ts'
import { toMap } from './entry-config.ts'
import type { Config } from './schema/schema.ts'

const defaults = { port: 9090, maxBody: 32 * 2 ** 20, maxMedia: 20 * 2 ** 20 }

export const compile = (config: Config, entries: Entry[], keys: KeyRule[], path?: string): Compiled => {
  const { timeouts = {}, log_level: level = 'info', load_balancing: strategy = 'random' } = config
  const defaultModel = config.default_model?.trim()
  return {
    ...(path !== undefined && { path }),
    ...(parseListen(config.server_port ?? '') ?? { host: everyInterface, port: defaults.port }),
    logLevel: pick<LogLevel>(spellings.logLevel, level),
    logFormat: jsonLevels.has(level) ? 'json' : 'auto',
    logPrompts: config.log_prompts ?? false,
    keys,
    strategy: pick<Strategy>(spellings.strategy, strategy),
    entries,
    redirect: toMap(config.model_redirect),
    ...(defaultModel && { defaultModel }),
    timeouts: { connect: timeouts.connect ?? 10, firstByte: timeouts.first_byte ?? 300, idle: timeouts.idle ?? 120 },
    heartbeat: config.heartbeat ?? 15,
    maxBody: parseSize(config.max_body ?? '') ?? defaults.maxBody,
    media: mediaOf(config.media),
    shutdownTimeout: config.shutdown_timeout ?? 60,
    ...translationOf(config.translation),
    onLoss: config.on_loss ?? 'note',
    secrets: secretsOf(config),
  }
}

/** Served unless switched off. */
const translationOf = (written: Config['translation'] = {}): Pick<Compiled, 'translation'> => {
  const { enable = true, promptTemplate: template, retry = 0, concurrency } = written
  const manner = {
    ...(template && { template }),
    retry,
    concurrency: concurrency || defaultTranslationOptions.concurrency,
  }
  return enable ? { translation: manner } : {}
}

const mediaOf = (written: Config['media'] = {}): Compiled['media'] => ({
  allowPrivate: rangesOf(written.allow_private ?? false),
  maxBytes: parseSize(written.max_bytes ?? '') ?? defaults.maxMedia,
  maxFiles: written.max_files ?? 16,
  timeout: written.timeout ?? 15,
})

const rangesOf = (allowed: boolean | string[]): boolean | string[] =>
  typeof allowed === 'boolean' ? allowed : allowed.flatMap(range => parseRange(range) ?? [])

/** The word that is meant by one of its spellings. */
const pick = <T extends string>(known: Readonly<Record<string, T>>, word: string): T =>
  Object.hasOwn(known, word) ? known[word]! : (word as T)
