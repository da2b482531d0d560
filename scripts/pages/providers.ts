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
  if (provider.transport) return 'inside the program'
  const entry = entryOf(provider)
  const hosts = (provider.hosts ?? []).filter(host => host !== '*')
  const found = wireOf(entry)
  if ('unsupported' in found) return `your own, below ${list(hosts)}`
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
  names.length > 0 ? `; ${list(names)} with a \`server_url\`` : '; or others, which its page tells'

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

Generated from \`src/providers\` by \`npm run docs\`. Each type is a key of \`services\` in the [configuration](config.md); a file to start from lies in \`samples/<type>.json\`.

- *Address* is what \`server_url\` would say; leave it out unless you want another one (a relay, another region, a plan of its own). Of an address elsewhere only chat is asked, and what \`speaks\` of the entry names.
- *Credentials* go into \`credentials\`, or several times into \`credential_list\`.
- *Paths* are those of OpenAI below \`/v1\`; what a vendor keeps elsewhere is found by the gateway.
- *Checked* is the month in which the facts were last looked up, with the vendor and with those who use it; what could not be confirmed is said in the file of the type.

An entry of the type \`openai\` whose \`server_url\` lies at one of these addresses is treated as that vendor's.
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
    '## Default models, and what is put right',
    '',
    'The models of an entry that names none, as the vendor writes them; an entry of a type without any must name its own. What is put right happens on the way, so that every client speaks and sees the strict protocol; what a request loses by it is noted in its record.',
    '',
    '| type | default models | put right |',
    '| --- | --- | --- |',
    ...all.filter(({ models, quirks }) => models || quirks).map(details),
    '',
    '## Forms of a service that are not spoken yet',
    '',
    'An entry that asks for one is skipped with a warning.',
    '',
    ...all.flatMap(unsupportedForms),
    '',
    '## Types that are known, but not spoken yet',
    '',
    ...[...unsupported].map(([type, reason]) => `- ${code(type)}: ${reason}`),
    '',
  ].join('\n')
}
