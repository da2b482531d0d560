/**
 * Service types that are known but not supported yet, each with a hint. URLs are those of the vendors' documentation,
 * 2026-11.
 */

const notSupportedYet = (hint: string): string => `not supported yet; ${hint}`

/** Service type → what to configure instead. */
export const unsupported: ReadonlyMap<string, string> = new Map([
  ['agentbuilder', notSupportedYet('it has no OpenAI-compatible API')],
  [
    'bailian',
    notSupportedYet('it has no OpenAI-compatible API for agents; for its models, use a service of type dashscope'),
  ],
  ['cozecn', notSupportedYet('it has no OpenAI-compatible API')],
  ['cozecom', notSupportedYet('it has no OpenAI-compatible API')],
  ['dify', notSupportedYet('it has no OpenAI-compatible API')],
  ['github', 'GitHub Models closed on 30 July 2026; GitHub recommends Azure instead (a service of type azure)'],
])
