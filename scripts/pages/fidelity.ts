/** docs/fidelity.md: what survives between which protocols, judged by the cases of test/golden. */
import { wrap } from '../../src/config/schema/reference.ts'
import { cases } from '../../test/matrix/cases.ts'
import { judge, type Verdict } from '../../test/matrix/golden-text.ts'
import { clientSides, type Pair, vendorSides } from '../../test/matrix/pair.ts'

/** The common names of the protocols. */
const titles: Record<string, string> = {
  'openai-chat': 'Chat Completions',
  'openai-responses': 'Responses',
  anthropic: 'Messages',
  gemini: 'Gemini',
  'bedrock-converse': 'Converse',
}
const titleOf = (id: string): string => titles[id] ?? id

const symbols: Record<Verdict['verdict'], string> = { yes: '●', loss: '◐', no: '✕', unsaid: '–' }
const isRequestCase = ({ answer, isRateLimited }: (typeof cases)[number]): boolean =>
  answer === undefined && !isRateLimited

const table = (head: string[], rows: string[][]): string =>
  [head, head.map(() => '---'), ...rows].map(row => `| ${row.join(' | ')} |`).join('\n')

const capitalize = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** One client against all vendors. */
const overview = (client: string): string => {
  const clientSide = clientSides.find(one => one.client.id === client)!
  const rows = (ofRequests: boolean) =>
    cases
      .filter(testCase => isRequestCase(testCase) === ofRequests)
      .map(testCase => [
        capitalize(testCase.title),
        ...vendorSides.map(vendorSide => symbols[judge(testCase, { clientSide, vendorSide }).verdict]),
      ])
  const vendors = vendorSides.map(({ vendor }) => titleOf(vendor.id))
  return [
    `## Clients that speak ${titleOf(client)}`,
    table(['request', ...vendors], rows(true)),
    table(['response', ...vendors], rows(false)),
    ...vendorSides
      .filter(({ vendor }) => vendor.id !== client)
      .map(vendorSide => pairDetails({ clientSide, vendorSide })),
  ].join('\n\n')
}

const escapeCell = (text: string): string => text.replaceAll('|', '\\|')

/** What does not arrive completely, with the losses that the gateway notes. */
const pairDetails = (pair: Pair): string => {
  const verdicts = cases.map(one => ({ one, ...judge(one, pair) }))
  const incomplete = verdicts.filter(({ verdict }) => verdict !== 'yes')
  const complete = verdicts.filter(({ verdict }) => verdict === 'yes').map(({ one }) => one.title)
  const meaning = { yes: '', loss: 'with a loss', no: 'refused', unsaid: 'cannot be expressed' }
  const rows = incomplete.map(({ one, verdict, notes }) => [
    capitalize(one.title),
    meaning[verdict],
    escapeCell(notes.join('; ')),
  ])
  return [
    `### ${titleOf(pair.clientSide.client.id)} → ${titleOf(pair.vendorSide.vendor.id)}`,
    wrap(`Complete: ${complete.join('; ')}.`),
    ...(rows.length > 0 ? [table(['what', 'result', 'losses that the gateway reports'], rows)] : []),
  ].join('\n\n')
}

/** The page, in Markdown. */
export const fidelityPage = (): string => `# What survives

Generated from the cases of \`test/golden/\` by \`npm run docs\`.

Every client protocol can use every vendor protocol. If both are the same, the gateway passes on what the client wrote.
Otherwise it translates. What the vendor's protocol cannot express is a loss. Send the header \`x-report-losses: 1\`, and the
response header \`x-losses\` lists the losses. With \`on_loss: refuse\`, the gateway refuses such requests with 400.

This page compares protocols. Some services that speak Chat Completions, including OpenAI itself, refuse parts of it:
top-k, cache marks, earlier thoughts. When the gateway translates for them, it leaves these out and reports a loss.
[providers.md](providers.md) lists the corrections for each service.

${symbols.yes} complete · ${symbols.loss} with a loss, named below · ${symbols.no} refused with 400 · ${symbols.unsaid} the client's protocol cannot express it, or not all of it

Every response is tested with and without streaming, with the same result. \`test/golden/\` has one file per case with
everything that is sent.

${clientSides.map(({ client }) => overview(client.id)).join('\n\n')}
`
