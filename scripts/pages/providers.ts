/** docs/providers.md: every service type as its file describes it. */

import type { Entry, Target } from '../../src/providers/entry.ts'
import { providers, unsupported } from '../../src/providers/index.ts'
import type { Provider } from '../../src/providers/provider.ts'
import { urlOf, wireOf } from '../../src/providers/resolve-url.ts'
import { endpointOf } from '../../src/providers/server-url.ts'
import { defaultEntry } from '../../test/support/default-entry.ts'

const entryOf = ({ id }: Provider): Entry => defaultEntry(id)

/** A target whose credentials are their own names, so that a URL built from one shows which. */
const targetOf = (entry: Entry, { credentials }: Provider): Target => ({
  id: entry.id,
  entry,
  credential: { index: 0, values: Object.fromEntries(credentials.map(name => [name, `<${name}>`])), digest: '' },
  model: 'model',
})

export const code = (text: string): string => `\`${text}\``
export const list = (texts: readonly string[] = []): string => texts.map(code).join(', ')

/** The default `server_url`, and other hosts of the same vendor. */
export const address = (provider: Provider): string => {
  if (provider.transport) return 'built in'
  const entry = entryOf(provider)
  const hosts = (provider.hosts ?? []).filter(host => host !== '*')
  const found = wireOf(entry)
  if ('unsupported' in found) return `your own URL at ${list(hosts)}`
  const [first = 'openai-chat'] = Object.keys(found.wire.paths)
  const { base, paths } = found.wire
  const target = targetOf(entry, provider)
  const root = typeof base === 'function' ? base(target, { stream: false }) : base
  const fullUrl = decodeURIComponent(typeof paths[first] === 'function' ? root : urlOf(target, first))
  const endpoint = endpointOf(first)
  const known = code(fullUrl.endsWith(endpoint) ? fullUrl.slice(0, -endpoint.length) : fullUrl)
  return hosts.length > 0 ? `${known}; also ${list(hosts)}` : known
}

/** A URL may contain what a credential would say. If no credential is left, others may take their place. */
const alternativeCredentials = (names: readonly string[] = []): string =>
  names.length > 0 ? `; only ${list(names)} with a \`server_url\`` : '; or alternatives'

/** The names of the credentials, and the shorter list if a `server_url` makes some of them unnecessary. */
export const credentials = (provider: Provider): string => {
  if (provider.credentials.length === 0) return 'none'
  const variant = provider.variants?.find(candidate => 'credentials' in candidate && candidate.credentials)
  const keylessNote = provider.keyless ? '; none with a `server_url`' : ''
  const alternativeNote = variant && 'credentials' in variant ? alternativeCredentials(variant.credentials) : ''
  return list(provider.credentials) + keylessNote + alternativeNote
}

const shortNames: Record<string, string> = {
  'openai-chat': 'chat',
  'openai-responses': 'responses',
  anthropic: 'messages',
  'bedrock-converse': 'chat',
  'gemini/batchEmbedContents': 'embeddings',
  'gemini/embedContent': 'embeddings',
  'vertex/predict': 'embeddings',
  'vertex/embedContent': 'embeddings',
  'cohere/embed': 'embeddings',
  'cohere/rerank': 'rerank',
  'dashscope/rerank': 'rerank',
}

const paths = ({ paths }: Provider): string =>
  Object.keys(paths)
    .map(name => shortNames[name] ?? name)
    .filter((name, index, all) => all.indexOf(name) === index)
    .join(', ')

const row = (provider: Provider): string => {
  const { id, title, docs, checked = '' } = provider
  return `| ${[code(id), `[${title}](${docs})`, address(provider), credentials(provider), paths(provider), checked].join(' | ')} |`
}

const details = ({ id, models = [], embeddingModels = [], quirks = [] }: Provider): string =>
  `| ${code(id)} | ${list([...models, ...embeddingModels])} | ${quirks.join('; ')} |`

const unsupportedForms = ({ id, variants = [] }: Provider): string[] =>
  variants.flatMap(variant => ('unsupported' in variant ? `- ${code(id)}: ${variant.unsupported}` : []))

const introduction = `# Services

Generated from \`src/providers\` by \`npm run docs\`. Each type is a key of \`services\` in the [configuration](config.md).
Each has a sample, \`samples/<type>.json\`.

- *Address* is the default \`server_url\`. Set \`server_url\` only if you need another one: a relay, another region or a
  special plan. At another host, the gateway uses only chat and what the entry lists in \`speaks\`.
- *Credentials* go into \`credentials\`. For several keys, use \`credential_list\`.
- *Paths* are those of OpenAI below \`/v1\`. The gateway knows where the vendor serves them.
- *Checked* is the month in which the facts were last checked, with the vendor and with its users. The source file of the
  type says what could not be confirmed.

If the \`server_url\` of an \`openai\` entry is one of these addresses, the gateway treats the entry as that vendor's type.
`

/** The page, in Markdown. */
export const providersPage = (): string => {
  const all = [...providers.values()]
  return [
    introduction,
    '| type | vendor | address | credentials | paths | checked |',
    '| --- | --- | --- | --- | --- | --- |',
    ...all.map(row),
    '',
    '## Default models and corrections',
    '',
    'An entry without `models` uses the default models. If a type has none, its entries must name their models.',
    '',
    'The gateway corrects requests and responses where a vendor differs from the protocol, so that clients can rely on the strict protocol. If a correction removes something from a request, the log line notes it.',
    '',
    '| type | default models | corrections |',
    '| --- | --- | --- |',
    ...all.filter(({ models, quirks }) => models || quirks).map(details),
    '',
    '## Variants that are not supported yet',
    '',
    'Entries that use one of these variants are skipped with a warning.',
    '',
    ...all.flatMap(unsupportedForms),
    '',
    '## Types that are not supported yet',
    '',
    ...[...unsupported].map(([type, reason]) => `- ${code(type)}: ${reason}`),
    '',
  ].join('\n')
}
