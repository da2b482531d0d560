/** A word that every JavaScript object has as a member is an unknown word like any other. */
import { describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../src/base/json/json.ts'
import type { Turn } from '../../src/ir/chat.ts'
import { detectFileType } from '../../src/media/file-type.ts'
import { faultFrom as anthropicFaultFrom } from '../../src/protocols/anthropic/error.ts'
import { faultFrom as converseFaultFrom } from '../../src/protocols/bedrock-converse/error.ts'
import { clientProtocolOf, egressOf, protocols } from '../../src/protocols/registry.ts'
import { providers } from '../../src/providers/index.ts'
import { sampleOf } from '../../src/providers/mock/sample.ts'
import { urlOf } from '../../src/providers/resolve-url.ts'
import mock from '../../src/providers/vendors/mock.ts'
import { exchangeFor } from '../contracts/protocol.ts'
import { entryOf, plainEntry, targetOf } from '../contracts/provider.ts'

const words = ['constructor', 'toString', 'hasOwnProperty', '__proto__']
const redact = (text: string) => text

const turnsOf = (protocol: string, body: JsonObject): { turns: Turn[]; losses: string[] } => {
  const losses: string[] = []
  const { turns } = protocols.get(protocol)!.parseRequest(body, path => losses.push(path))
  return { turns, losses }
}

const renderedMedia = (protocol: string, mime: string) =>
  JSON.stringify(
    egressOf(protocol)!.renderRequest(
      {
        model: 'm',
        stream: false,
        turns: [
          {
            role: 'user',
            parts: [
              { type: 'text', text: 'words' },
              { type: 'media', mime, source: { data: 'AAAA' } },
            ],
          },
        ],
      },
      exchangeFor(),
    ),
  )

describe.each(words)('%s', word => {
  test('is no stop reason', () => {
    const content = [{ type: 'text', text: 'words' }]
    const message = { type: 'message', content, stop_reason: word }
    expect(egressOf('anthropic')!.parseMessage(message, exchangeFor())).toMatchObject({ finish: 'other', raw: word })
    const output = { message: { role: 'assistant', content: [{ text: 'words' }] } }
    const converse = egressOf('bedrock-converse')!.parseMessage({ output, stopReason: word }, exchangeFor())
    expect(converse).toMatchObject({ finish: 'other', raw: word })
    const candidates = [{ content: { parts: [{ text: 'words' }] }, finishReason: word }]
    expect(egressOf('gemini')!.parseMessage({ candidates }, exchangeFor())).toMatchObject({
      finish: 'other',
      raw: word,
    })
    for (const [id, { renderMessage }] of protocols) {
      const body = renderMessage(
        { id: 'i', model: 'm', parts: [{ type: 'text', text: 'words' }], finish: 'other', raw: word },
        exchangeFor(),
      )
      expect([id, JSON.stringify(body).includes(word)]).toEqual([id, false])
    }
  })

  test('is no type of an error', () => {
    for (const error of [
      anthropicFaultFrom({ error: { type: word, message: 'words' } }, { redact }),
      converseFaultFrom(word, '{"message":"words"}', { redact }),
    ])
      expect([error.code, error.status, error.message]).toEqual(['upstream_failed', 502, 'words'])
    expect(converseFaultFrom(word, '{"message":"words"}', { redact }).detail.cause).toBe('HTTP 502: words')
    const headers = new Headers({ 'x-amzn-errortype': word })
    expect(egressOf('bedrock-converse')!.parseError(400, headers, '{}', { redact }).status).toBe(400)
  })

  test('is no role', () => {
    const chat = turnsOf('openai-chat', { model: 'm', messages: [{ role: word, content: 'words' }] })
    expect(chat.turns[0]).toMatchObject({ role: 'user' })
    const gemini = turnsOf('gemini', { contents: [{ role: word, parts: [{ text: 'words' }] }] })
    expect(gemini).toMatchObject({ turns: [{ role: 'user' }], losses: ['contents.role'] })
  })

  test('is no level of thinking', () => {
    const { reasoning } = protocols
      .get('gemini')!
      .parseRequest(
        { contents: [{ parts: [{ text: 'x' }] }], generationConfig: { thinkingConfig: { thinkingLevel: word } } },
        () => undefined,
      )
    expect(reasoning?.effort).toBeUndefined()
  })

  test('is no type of a file', () => {
    expect(detectFileType(Buffer.from('?'), word)).toBeUndefined()
    expect(renderedMedia('bedrock-converse', word)).not.toContain('format')
    expect(renderedMedia('gemini', `${word}/*`)).toContain('"application/pdf"')
  })

  test('is a path that requires no field', () => {
    expect(() => clientProtocolOf(word).checkRequest({ model: 'm' })).not.toThrow()
  })

  test('is no format, no kind of media and no path to the mock', async () => {
    expect(sampleOf({ type: 'string', format: word }, 'name')).toBe('name')
    const entry = entryOf('mock', { models: ['mock'] })
    const ask = (path: string, body: JsonObject) => {
      const url = urlOf(targetOf(entry, 'mock'), 'openai-chat').replace('chat/completions', path)
      const request = { url, headers: new Headers(), body: JSON.stringify(body) }
      return mock.transport!(request, targetOf(entry, 'mock'), new AbortController().signal)
    }
    const answer = await ask('chat/completions', { messages: [{ role: 'user', content: [{ type: word }] }] })
    expect(await answer.text()).not.toMatch(/You sent|native code/)
    expect((await ask(word, {})).status).toBe(404)
  })

  test('is a name of a model', () => {
    const provider = providers.get('xinghuo')!
    const body: JsonObject = { model: word, messages: [] }
    provider.patchRequest!['openai-chat']!(body, () => undefined, targetOf(plainEntry(provider), word))
    expect(body['model']).toBe(word)
  })
})
