/** Checks of the settings outside `services`, and notices about settings whose meaning differs from simple-one-api. */
import type { TSchema } from '@sinclair/typebox'
import type { Entry } from '../../providers/entry.ts'
import { parseListen, parseRange, parseSize } from '../address.ts'
import { pathTo } from '../file/tree.ts'
import { type Config, ConfigSchema, CredentialsSchema, EntrySchema } from '../schema/schema.ts'
import { checkAccess } from './access.ts'
import type { ProblemLevel, ReportProblem } from './problems.ts'
import { checkProxy } from './proxy.ts'
import { type CheckContext, knownTypes } from './services.ts'

/** Reports problems of the settings outside `services`. */
export const checkConfig = (config: Config, { report, isBroken }: CheckContext): void => {
  const { server_port: port, max_body: size } = config
  if (!isListenable(port))
    report('error', 'server_port', 'must be a port from 1 to 65535, `:9090`, `host:9090` or `[::1]:9090`')
  if (size !== undefined && !parseSize(size))
    report('error', 'max_body', 'must be bytes, or a size such as "32MB", above 0')
  checkAccess(config, { report, isBroken })
  if (config.media && !isBroken('media')) checkMedia(config.media, report)
  if (config.proxy && !isBroken('proxy')) checkProxy(config.proxy, report)
  for (const [from, to] of Object.entries(config.model_redirect ?? {}))
    if (from.trim() === '' || to.trim() === '') report('error', pathTo('model_redirect', from), 'must not be empty')
  for (const [path, level, holds, message] of notices) if (holds(config)) report(level, path, message)
}

/** Absent and empty stand for the default. */
const isListenable = (port: Config['server_port']): boolean =>
  port === undefined || String(port).trim() === '' || parseListen(port) !== undefined

const checkMedia = (
  { max_bytes: size, allow_private: allowed }: NonNullable<Config['media']>,
  report: ReportProblem,
): void => {
  if (size !== undefined && !parseSize(size))
    report('error', 'media.max_bytes', 'must be bytes, or a size such as "20MB", above 0')
  for (const [index, range] of (Array.isArray(allowed) ? allowed : []).entries())
    if (!parseRange(range))
      report('error', pathTo('media.allow_private', index), 'must be an address, or a range such as "10.1.0.0/16"')
  if (allowed === true)
    report(
      'warning',
      'media.allow_private',
      'clients can have files fetched from this machine and the networks it is in',
    )
}

const isNonEmpty = (table: object | undefined): boolean => Object.keys(table ?? {}).length > 0

const notices: [path: string, level: ProblemLevel, holds: (config: Config) => boolean, message: string][] = [
  ['enable_web', 'warning', config => config.enable_web === true, 'the web page is not built yet: none is served'],
  [
    'translation.promptTemplate',
    'warning',
    ({ translation: { promptTemplate: template = '%s%s' } = {} }) =>
      template !== '' && template.split('%s').length !== 3,
    'should hold %s twice: first for the language, then for the text',
  ],
  [
    'circuit_breaker',
    'note',
    config => isNonEmpty(config.circuit_breaker),
    'has no effect yet: no target is taken out of service for its failures',
  ],
  [
    'multi_content_models',
    'note',
    config => isNonEmpty(config.multi_content_models),
    'has no effect here: images go to every model, none is ever stripped',
  ],
  [
    'params_range',
    'note',
    config => isNonEmpty(config.params_range),
    'has no effect here: values go to the vendor as the client sent them',
  ],
  ['debug', 'note', config => config.debug === true, 'has no effect here: write "log_level": "debug" for more words'],
  ['log_prompts', 'warning', config => config.log_prompts === true, 'what clients write goes into the log'],
]

/** Warns of model names that no service offers. `entries` are the entries in use. */
export const checkModelNames = (config: Config, entries: readonly Entry[], report: ReportProblem): void => {
  if (entries.length === 0) {
    report('warning', 'services', 'no service is in use: every model is unknown')
    return
  }
  const checkModel = (path: string, model: string) => {
    if (!isOffered(model.trim(), entries)) report('warning', path, 'leads nowhere: no service in use offers this model')
  }
  const { model_redirect: redirect = {}, default_model: model } = config
  for (const [from, to] of Object.entries(redirect)) checkModel(pathTo('model_redirect', from), to)
  if (model?.trim() && !Object.hasOwn(redirect, model.trim()) && !Object.hasOwn(redirect, 'all'))
    checkModel('default_model', model)
}

const isOffered = (model: string, entries: readonly Entry[]): boolean =>
  model === 'random' ||
  // As the target of the alias `all`, `all` means `random`.
  model === 'all' ||
  entries.some(({ models, embeddingModels, redirect }) =>
    [...models, ...embeddingModels, ...redirect.keys()].some(
      name => name === model || (name.endsWith('*') && model.startsWith(name.slice(0, -1))),
    ),
  )

/** A hint for a key that is known in another place of the configuration. */
export const misplacedKeyHint = (schema: TSchema, key: string): string | undefined => {
  const folded = key.toLowerCase()
  const isCurrent = (candidate: TSchema) => schema['properties'] === candidate['properties']
  const isKeyOf = (other: TSchema) => folded in other['properties']
  const [isTopLevel, isEntry, isCredentials] = [ConfigSchema, EntrySchema, CredentialsSchema].map(isCurrent)
  if (isTopLevel && knownTypes().includes(folded)) return 'belongs inside `services`; here it has no effect'
  if (isTopLevel && isKeyOf(EntrySchema)) return 'belongs into an entry of `services`; here it has no effect'
  if (isEntry && isKeyOf(CredentialsSchema)) return 'belongs inside `credentials`; here it has no effect'
  if (isCredentials && isKeyOf(EntrySchema)) return 'belongs beside `credentials`, not inside; here it has no effect'
}
