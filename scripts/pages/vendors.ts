/**
 * docs/vendors/: one page for each service type, from its source file and from the researched facts in
 * src/catalog/vendors.json.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadVendors } from '../../src/catalog/load.ts'
import type { Fact, FreeTier, VendorFacts } from '../../src/catalog/schema.ts'
import { clientProtocols, egressOf, unaryTaskOf } from '../../src/protocols/registry.ts'
import { providers } from '../../src/providers/index.ts'
import type { Provider } from '../../src/providers/provider.ts'
import { endpointOf } from '../../src/providers/server-url.ts'
import { address, code, credentials, list } from './providers.ts'

const root = join(import.meta.dir, '../..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

/** How the pages show whether the vendor can be used free of charge. */
export const tiers = {
  recurring: 'yes 有',
  trial: 'trial only 仅试用',
  paid: 'no 付费',
  own: 'your own machine 自建',
  unknown: 'not confirmed 未核实',
} as const satisfies Record<FreeTier, string>

/** Service type → facts. */
export const vendorFacts = await loadVendors()

/** Every type that has a vendor: all except the mock. */
export const vendors: readonly Provider[] = [...providers.values()].filter(({ transport }) => !transport)

const factsOf = ({ id }: Provider): VendorFacts => {
  const facts = vendorFacts.get(id)
  if (!facts) throw new Error(`src/catalog/vendors.json has no entry for ${id}`)
  return facts
}

const sourceNote = ({ source, asOf }: Fact): string => `([source](${source}), ${asOf ?? 'undated'})`
const renderFact = (fact: Fact): string => `${fact.says} ${sourceNote(fact)}`

/** The sample without its comment. */
const example = ({ id }: Provider): string => read(`samples/${id}.json`).replace(/^ {2}"\/\/": .*\n/m, '')

/** Gemini's paths contain the model. A protocol that only vendors speak serves the clients of Chat Completions. */
const pathOf = (name: string): string =>
  name.startsWith('gemini')
    ? `/v1beta/models/<model>:${name.split('/')[1] ?? 'generateContent'}`
    : `/v1${endpointOf(clientProtocolOf(name))}`

const unaryEndpoints = { embedding: 'embeddings', rerank: 'rerank' } as const

/** The protocol in which OpenAI's clients ask for the same service. */
const clientProtocolOf = (name: string): string => {
  const task = unaryTaskOf(name)
  if (task !== undefined) return unaryEndpoints[task]
  return egressOf(name) && !clientProtocols.has(name) ? 'openai-chat' : name
}

const isEmbedding = (name: string): boolean => unaryTaskOf(name) === 'embedding'

/** A vendor with its own embeddings protocol also serves OpenAI's embeddings path. */
const paths = ({ paths }: Provider): string => {
  const names = Object.keys(paths)
  return list([...new Set([...names.map(pathOf), ...(names.some(isEmbedding) ? ['/v1/embeddings'] : [])])])
}

const models = (provider: Provider): string => {
  const defaults = [...(provider.models ?? []), ...(provider.embeddingModels ?? [])]
  const defaultsNote =
    defaults.length > 0 ? `An entry without \`models\` uses ${list(defaults)}.` : 'An entry must name its `models`.'
  return `${defaultsNote} The vendor's list: <${factsOf(provider).models}>`
}

const section = (title: string, lines: string[]): string[] =>
  lines.length > 0 ? [`## ${title}`, '', ...lines.map(line => `- ${line}`), ''] : []

const unsupportedForms = ({ variants = [] }: Provider): string[] =>
  variants.flatMap(variant => ('unsupported' in variant ? [variant.unsupported.replace(/</g, '\\<')] : []))

const keyLine = ({ apply }: VendorFacts): string => `${apply.url ? `<${apply.url}> ` : ''}${renderFact(apply)}`

/** One vendor's page, in Markdown. */
export const vendorPage = (provider: Provider): string => {
  const facts = factsOf(provider)
  const { id, title, docs, quirks = [] } = provider
  return [
    `# ${title}: ${code(id)}`,
    '',
    facts.is,
    '',
    `> ${facts.chinese}`,
    '',
    `- **Key**: ${keyLine(facts)}`,
    `- **Credentials**: ${credentials(provider)}. For several keys, use \`credential_list\`.`,
    `- **Address**: ${address(provider)}`,
    `- **Free**: ${renderFact(facts.free)}`,
    `- **Models**: ${models(provider)}`,
    `- **Paths**: ${paths(provider)}`,
    `- **Documentation**: <${docs}>`,
    '',
    '## Configuration',
    '',
    `This is [samples/${id}.json](../../samples/${id}.json).`,
    '',
    `\`\`\`json\n${example(provider)}\`\`\``,
    '',
    ...section('Before you start', facts.notes.map(renderFact)),
    ...section('Corrections by the gateway', quirks),
    ...section('Not supported yet', unsupportedForms(provider)),
    `Checked ${facts.checked}. Vendors change these figures without notice. [All vendors](README.md)`,
    '',
  ].join('\n')
}

const row = (provider: Provider): string => {
  const { chinese, free } = factsOf(provider)
  return `| [${provider.title}](${provider.id}.md) | ${code(provider.id)} | ${tiers[free.tier]} | ${chinese} |`
}

/** The index of the pages, in Markdown. */
export const vendorsIndex = (): string =>
  `# Vendors 厂商

Generated from \`src/providers\`, \`samples\` and [vendors.json](../../src/catalog/vendors.json) by \`npm run docs\`. Each page says where to
create a key, how to configure the vendor, what is free, and what to know in advance. Every fact names its source and
the month of the source.

[Services](../providers.md) compares addresses, paths and quirks of all vendors. All free tiers in one configuration: [samples/free-tiers.json](../../samples/free-tiers.json).

各家厂商的申请地址、配置示例、免费额度和注意事项，每条都注明来源和日期。

| vendor 厂商 | type | free 免费 | 简介 |
| --- | --- | --- | --- |
${vendors.map(row).join('\n')}
`
