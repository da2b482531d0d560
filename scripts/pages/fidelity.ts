/** docs/fidelity.md: what survives between which protocols, judged by the cases of test/golden. */
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
    `## A client of ${titleOf(client)}`,
    table(['asks', ...vendors], rows(true)),
    table(['is answered', ...vendors], rows(false)),
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
  const meaning = { yes: '', loss: 'with a loss', no: 'refused', unsaid: 'no words for it' }
  const rows = incomplete.map(({ one, verdict, notes }) => [
    capitalize(one.title),
    meaning[verdict],
    escapeCell(notes.join('; ')),
  ])
  return [
    `### ${titleOf(pair.clientSide.client.id)} → ${titleOf(pair.vendorSide.vendor.id)}`,
    `Survives: ${complete.join('; ')}.`,
    ...(rows.length > 0 ? [table(['what', 'how', 'in the words of the gateway'], rows)] : []),
  ].join('\n\n')
}

/** The page, in Markdown. */
export const fidelityPage = (): string => `# What survives

Generated from the cases of \`test/golden/\` by \`npm run docs\`. Every client protocol reaches every vendor protocol. Where both speak the same, what the client
wrote is passed as it came; else it is translated, and what the vendor's protocol cannot carry is noted as a loss: ask with \`x-report-losses: 1\` and
the response header \`x-losses\` lists them; under \`on_loss: refuse\` they are a 400.

This is what the protocols can say. Of the many services that speak Chat Completions some refuse a part of it, OpenAI's own among them (Top-k, cache marks, earlier
thoughts): from a translation it is left out for them, and noted too. [providers.md](providers.md) says for each what is put right.

${symbols.yes} all of it arrives · ${symbols.loss} it arrives with a loss, named below · ${symbols.no} it is refused with a 400 · ${symbols.unsaid} the client's protocol has no words for it, or not for all of it

Every answer is tried whole and as a stream, and both tell the same. What goes over the wires in each case stands in \`test/golden/\`, one file a case.

${clientSides.map(({ client }) => overview(client.id)).join('\n\n')}
`
