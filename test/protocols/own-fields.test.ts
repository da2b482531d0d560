/** Fields that belong to the user or to one protocol alone: they come back as they were sent. */
import { describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../src/base/json/json.ts'
import { camelBody } from '../../src/protocols/gemini/syntax/casing.ts'
import { bareModel } from '../../src/protocols/gemini/syntax/model-path.ts'
import { egressOf, protocols } from '../../src/protocols/registry.ts'
import { exchangeFor } from '../contracts/protocol.ts'

/** A request of a client as a vendor of the protocol `to` gets it. */
const translate = (from: string, to: string, body: JsonObject): JsonObject =>
  egressOf(to)!.renderRequest(
    protocols.get(from)!.parseRequest(body, () => undefined),
    exchangeFor(),
  )

describe('Gemini: names in snake_case become those of the documentation', () => {
  test.each([
    'args',
    'response',
    'parameters',
    'parametersJsonSchema',
    'responseJsonSchema',
    'responseSchema',
    'labels',
    'partMetadata',
  ])('but not inside %s, which holds the user’s own', field => {
    const own = { user_name: { inner_name: 1 } }
    expect(camelBody({ [field]: own, other_field: own })).toEqual({
      [field]: own,
      otherField: { userName: { innerName: 1 } },
    })
  })
  test('and the documented spelling wins if both are there', () =>
    expect(camelBody({ top_p: 1, topP: 2, list: [{ a_b: 1 }] })).toEqual({ topP: 2, list: [{ aB: 1 }] }))
  test('and a body without any is the same object', () => {
    const body = { contents: [{ parts: [{ text: 'a_b' }] }] }
    expect(camelBody(body)).toBe(body)
  })

  test.each(['models/m', 'models%2Fm', 'publishers/google/models/m', 'publishers%2Fgoogle%2Fmodels%2fm', 'm'])(
    'the model %s is called m',
    name => expect(bareModel(name)).toBe('m'),
  )
})

describe('Gemini: a function', () => {
  const declared = {
    name: 'look',
    description: 'words',
    parametersJsonSchema: { type: 'object' },
    behavior: 'NON_BLOCKING',
  }
  const body = (declaration: JsonObject) => ({
    contents: [{ parts: [{ text: 'words' }] }],
    tools: [{ functionDeclarations: [declaration] }],
  })
  test('goes to a Gemini vendor with the fields that only this protocol has', () =>
    expect(translate('gemini', 'gemini', body(declared))['tools']).toEqual([{ functionDeclarations: [declared] }]))
  test('keeps no field twice: only those that no other protocol has are sealed', () => {
    const { tools } = protocols
      .get('gemini')!
      .parseRequest(body({ ...declared, parameters: { type: 'OBJECT' } }), () => undefined)
    expect(tools).toEqual([
      {
        name: 'look',
        description: 'words',
        schema: { type: 'object' },
        seal: { by: 'gemini', value: { behavior: 'NON_BLOCKING' } },
      },
    ])
  })
  test('of free text takes one `input`', () => {
    const tools = [{ type: 'custom', custom: { name: 'run' } }]
    const sent = translate('openai-chat', 'gemini', {
      model: 'm',
      messages: [{ role: 'user', content: 'words' }],
      tools,
    })
    expect(sent['tools']).toEqual([
      {
        functionDeclarations: [
          {
            name: 'run',
            parametersJsonSchema: { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] },
          },
        ],
      },
    ])
  })
})

describe('Messages: a document', () => {
  const source = { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0x' }
  const body = (fields: JsonObject) => ({
    model: 'm',
    max_tokens: 9,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'words' },
          { type: 'document', source, ...fields },
        ],
      },
    ],
  })
  test.each([
    ['context', 'words'],
    ['citations', { enabled: true }],
    ['transformations', [{ type: 'x' }]],
  ])('keeps its %s for a vendor of the same protocol', (field, value) => {
    const { messages } = translate('anthropic', 'anthropic', body({ [field]: value }))
    expect(messages).toMatchObject([{ content: [{}, { type: 'document', source, [field]: value }] }])
    expect(JSON.stringify(translate('anthropic', 'openai-chat', body({ [field]: value })))).not.toContain(`"${field}"`)
  })
  test('has the name of its file, and Converse a name of the letters that it allows', () => {
    const named = (title: string | undefined) =>
      JSON.stringify(translate('anthropic', 'bedrock-converse', body(title === undefined ? {} : { title })))
    expect(named('My report_2026.v2.pdf')).toContain('"name":"My report-2026-v2"')
    for (const title of ['_', '.pdf', undefined]) expect(named(title)).toContain('"name":"document"')
  })
})
