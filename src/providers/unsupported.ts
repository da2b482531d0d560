/**
 * Service types that are known but not supported yet, each with a hint. URLs are those of the vendors' documentation,
 * 2026-11.
 */

const notSupportedYet = (hint: string): string => `not spoken yet; ${hint}`

/** Service type → what to configure instead. */
export const unsupported: ReadonlyMap<string, string> = new Map([
  ['agentbuilder', notSupportedYet('it has no OpenAI-compatible address')],
  [
    'bailian',
    notSupportedYet('it has no OpenAI-compatible address for agents; its models work as a service of type dashscope'),
  ],
  ['cozecn', notSupportedYet('it has no OpenAI-compatible address')],
  ['cozecom', notSupportedYet('it has no OpenAI-compatible address')],
  ['dify', notSupportedYet('it has no OpenAI-compatible address')],
  ['github', 'GitHub Models was closed on 30 July 2026; GitHub names Azure in its place (a service of type azure)'],
])
