/** What limits and routing ask about a request: every protocol of a client answers it from its own fields. */
import { describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../src/base/json/json.ts'
import { estimatePromptTokens, estimateTokens } from '../../src/limits/estimate.ts'
import { clientProtocolOf, clientProtocols } from '../../src/protocols/registry.ts'

type Sample = {
  /** A request with this text, which is all that the model reads. */
  body: (text: string) => JsonObject
  /** Tokens of the answer in an estimate; by default those of an answer without a limit. */
  answer?: number
}

const message = (content: string) => ({ messages: [{ role: 'user', content }] })
const contents = (text: string) => ({ contents: [{ role: 'user', parts: [{ text }] }] })
const samples: Record<string, Sample> = {
  'openai-chat': { body: message },
  anthropic: { body: message },
  'openai-responses': { body: input => ({ input }) },
  gemini: { body: contents },
  'anthropic/count_tokens': { body: message, answer: 0 },
  'gemini/countTokens': { body: text => ({ generateContentRequest: contents(text) }), answer: 0 },
  completions: { body: prompt => ({ prompt }) },
  deepl: { body: text => ({ text: [text], target_lang: 'DE' }) },
  deeplx: { body: text => ({ text, target_lang: 'DE' }) },
  embeddings: { body: input => ({ input }), answer: 0 },
  'gemini/embedContent': { body: text => ({ content: { parts: [{ text }] } }), answer: 0 },
  'gemini/batchEmbedContents': { body: text => ({ requests: [{ content: { parts: [{ text }] } }] }), answer: 0 },
  rerank: { body: query => ({ query, documents: [] }), answer: 0 },
  'images/generations': { body: prompt => ({ prompt }) },
  'images/edits': { body: prompt => ({ prompt }) },
  'images/variations': { body: prompt => ({ prompt }) },
  'audio/speech': { body: input => ({ input }), answer: 0 },
  'audio/transcriptions': { body: prompt => ({ prompt }) },
  'audio/translations': { body: prompt => ({ prompt }) },
  moderations: { body: input => ({ input }), answer: 0 },
  'responses/compact': { body: text => ({ input: [{ role: 'user', content: text }] }) },
}

test('every protocol of a client has a sample here', () => {
  expect(Object.keys(samples).sort()).toEqual([...clientProtocols.keys()].sort())
})

describe.each(Object.entries(samples))('%s', (id, { body, answer = 500 }) => {
  const { reader } = clientProtocolOf(id)

  test('its text is counted in an estimate, and an answer if it generates text', () => {
    const [short, long] = [body('abcd'), body('abcd'.repeat(100))]
    expect(estimatePromptTokens(reader, long) - estimatePromptTokens(reader, short)).toBe(99)
    expect(estimateTokens(reader, short) - estimatePromptTokens(reader, short)).toBe(answer)
  })

  test('its text distinguishes conversations', () => {
    expect(reader.openingOf(body('one'))).toContain('one')
    expect(reader.openingOf(body('one'))).not.toBe(reader.openingOf(body('two')))
  })

  test('an empty request has no text, no name and no tools', () => {
    expect(estimatePromptTokens(reader, {})).toBe(0)
    expect(reader.openingOf({}).trim()).toBe('')
    expect(reader.conversationNameOf({})).toBeUndefined()
    expect(reader.offersTools({})).toBe(false)
  })
})

test('several answers are asked for in the words of each protocol', () => {
  const countOf = (id: string, body: JsonObject) => {
    const protocol = clientProtocolOf(id)
    return protocol.kind === 'chat' ? protocol.answerCount?.(body) : undefined
  }
  expect(countOf('openai-chat', { n: 2 })).toEqual({ param: 'n', count: 2 })
  expect(countOf('completions', { n: 2 })).toEqual({ param: 'n', count: 2 })
  const ofGemini = { param: 'generationConfig.candidateCount', count: 3 }
  expect(countOf('gemini', { generationConfig: { candidateCount: 3 } })).toEqual(ofGemini)
  expect(countOf('gemini', { generation_config: { candidate_count: 3 } })).toEqual(ofGemini)
  for (const id of ['anthropic', 'openai-responses', 'deepl']) expect(countOf(id, { n: 2 })).toBeUndefined()
})

test('tools are found in the words of each protocol', () => {
  const offers = (id: string, body: JsonObject) => clientProtocolOf(id).reader.offersTools(body)
  for (const id of ['openai-chat', 'anthropic', 'openai-responses', 'gemini', 'anthropic/count_tokens'])
    expect({ id, offers: offers(id, { tools: [{}] }) }).toEqual({ id, offers: true })
  expect(offers('gemini', { tools: { functionDeclarations: [] } })).toBe(true)
})
