/** Service types that are known and not spoken yet, each with a sentence that helps. Addresses as the vendors' documentation gives them, 2026-11. */

const alone = (word: string): string => `not spoken yet; ${word}`

/** Service type → what to write instead. */
export const unsupported: ReadonlyMap<string, string> = new Map([
  ['agentbuilder', alone('it has no OpenAI-compatible address')],
  ['bailian', alone('it has no OpenAI-compatible address for agents; its models work as a service of type dashscope')],
  ['cozecn', alone('it has no OpenAI-compatible address')],
  ['cozecom', alone('it has no OpenAI-compatible address')],
  ['dify', alone('it has no OpenAI-compatible address')],
  ['github', 'GitHub Models was closed on 30 July 2026; GitHub names Azure in its place (a service of type azure)'],
])
