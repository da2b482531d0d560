/**
 * Schema of a generateContent request, used for checking and for the OpenAPI document. Names may be in snake_case, a
 * list of one may be its only item, and unknown fields are passed to the vendor unchanged.
 * https://ai.google.dev/api/generate-content (2026-11)
 */
import { type TSchema, Type } from '@sinclair/typebox'
import { isObject, type JsonObject } from '../../base/json/json.ts'
import type { Ingress } from '../protocol.ts'
import type { VolatileFields } from '../shared/frame-template/pattern.ts'
import { countInside, countList, countWhere } from '../shared/item-counts.ts'
import { requestReader } from '../shared/request-reader.ts'
import { createChecker } from '../shared/validate.ts'
import { camelBody, listOf } from './syntax/casing.ts'

const nullable = <T extends TSchema>(schema: T, description?: string) =>
  Type.Optional(Type.Union([schema, Type.Null()], description === undefined ? {} : { description }))

const listOrOne = <T extends TSchema>(item: T, expects: string) => Type.Union([Type.Array(item), item], { expects })

const Part = Type.Object(
  {
    text: nullable(Type.String()),
    thought: nullable(Type.Boolean()),
    thoughtSignature: nullable(Type.String()),
    inlineData: nullable(Type.Object({ mimeType: nullable(Type.String()), data: Type.String() })),
    fileData: nullable(Type.Object({ mimeType: nullable(Type.String()), fileUri: Type.String() })),
    functionCall: nullable(
      Type.Object({ id: nullable(Type.String()), name: Type.String(), args: nullable(Type.Object({})) }),
    ),
    functionResponse: nullable(
      Type.Object({ id: nullable(Type.String()), name: nullable(Type.String()), response: nullable(Type.Object({})) }),
    ),
  },
  { expects: 'a part: an object' },
)

const Content = Type.Object(
  {
    role: nullable(Type.String(), 'user or model'),
    parts: nullable(listOrOne(Part, 'a list of parts')),
  },
  { expects: 'a content: an object with `parts`' },
)

const Tool = Type.Object(
  {
    functionDeclarations: nullable(
      listOrOne(Type.Object({ name: Type.String({ minLength: 1 }) }), 'a list of functions with a `name`'),
    ),
  },
  { expects: 'a tool: an object' },
)

const GenerationConfig = Type.Object({
  temperature: nullable(Type.Number()),
  topP: nullable(Type.Number()),
  topK: nullable(Type.Number()),
  candidateCount: nullable(Type.Integer({ minimum: 1 })),
  maxOutputTokens: nullable(Type.Integer(), 'Most tokens of the answer, thoughts included.'),
  stopSequences: nullable(Type.Array(Type.String())),
  seed: nullable(Type.Integer()),
  responseMimeType: nullable(Type.String()),
  thinkingConfig: nullable(
    Type.Object({
      thinkingBudget: nullable(Type.Integer()),
      thinkingLevel: nullable(Type.String()),
      includeThoughts: nullable(Type.Boolean()),
    }),
  ),
})

/** The body of `POST /v1beta/models/{model}:generateContent`. */
export const GenerateRequest = Type.Object(
  {
    contents: Type.Union([Type.Array(Content, { minItems: 1 }), Content], {
      expects: 'a list of at least one content',
    }),
    systemInstruction: Type.Optional(
      Type.Union([Type.String(), Content, Type.Null()], { expects: 'a content or a string' }),
    ),
    tools: nullable(listOrOne(Tool, 'a list of tools')),
    toolConfig: nullable(Type.Object({})),
    generationConfig: nullable(GenerationConfig),
    safetySettings: nullable(Type.Array(Type.Object({}))),
    cachedContent: nullable(Type.String()),
  },
  { description: 'A request of generateContent. Fields not named here go to the vendor as they are.' },
)

const check = createChecker(GenerateRequest)

/** @throws GatewayError `invalid_request`; its `param` is the path of the first error, in camelCase. */
export const checkRequest = (body: JsonObject): void => check(camelBody(body))

const openFields = [
  ...Object.keys(GenerateRequest.properties).filter(name => name !== 'cachedContent'),
  ...['model', 'labels', 'store', 'serviceTier', 'generateContentRequest'],
]

/** See `ClientHalf.scopedFields`, in both spellings. Left out is `cachedContent`, which the vendor stores for the account. */
export const scopedFields: ReadonlySet<string> = new Set(
  openFields.flatMap(name => [name, name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)]),
)

/** The settings of the answer, with names in camelCase. */
const generationConfigOf = (body: JsonObject): JsonObject => {
  const config = body.generationConfig ?? body.generation_config
  return isObject(config) ? camelBody(config) : {}
}

/** Names may be in snake_case. */
export const reader = requestReader({
  prompt: {
    text: ['systemInstruction', 'system_instruction', 'contents'],
    json: ['tools'],
    mediaFields: ['inlineData', 'inline_data', 'fileData', 'file_data'],
    ignored: ['role', 'id', 'thoughtSignature', 'thought_signature'],
  },
  answerLimits: body => [generationConfigOf(body).maxOutputTokens],
  opening: body => ({ texts: [body.systemInstruction ?? body.system_instruction], turns: listOf(body.contents) }),
  contentOf: ({ text, parts }) => text ?? parts,
  offersTools: body => listOf(body.tools).length > 0,
  items: {
    messages: countList('contents'),
    tools: countInside(
      ['tools'],
      tool => countWhere(tool.functionDeclarations ?? tool.function_declarations, () => true) || 1,
    ),
    calls: countInside(['contents'], ({ parts }) =>
      countWhere(parts, part => part.functionCall !== undefined || part.function_call !== undefined),
    ),
    stop_sequences: countList(
      'generationConfig.stopSequences',
      'generationConfig.stop_sequences',
      'generation_config.stop_sequences',
      'generation_config.stopSequences',
    ),
  },
})

export const answerCount: Ingress['answerCount'] = body => {
  const { candidateCount } = generationConfigOf(body)
  return typeof candidateCount === 'number'
    ? { param: 'generationConfig.candidateCount', count: candidateCount }
    : undefined
}

/** The token counts at the end of every chunk differ from chunk to chunk. */
export const volatileFields: VolatileFields = { kind: 'figures', precededBy: '"usageMetadata"' }
