/** Our own small answers and requests of generateContent, one for each thing vendors and clients do. */
import type { JsonObject } from '../../src/base/json/json.ts'

type Gives = {
  text?: string
  reasoning?: string
  calls?: { name: string; args: string }[]
  finish?: string
  usage?: { input: number; output: number }
  /** The status of the fault it ends in. */
  fault?: number
}
/** `frames`: a chunk, or a line as it is. */
export type Tape = { quirk: string; frames: (JsonObject | string)[]; gives: Gives }

const head = { modelVersion: 'vendor-model', responseId: 'r-1' }
const say = (parts: JsonObject[], more: JsonObject = {}, beside: JsonObject = {}): JsonObject => ({
  candidates: [{ content: { parts, role: 'model' }, index: 0, ...more }],
  ...beside,
  ...head,
})
const stop = { finishReason: 'STOP' }
const usageMetadata = { promptTokenCount: 5, candidatesTokenCount: 7, thoughtsTokenCount: 3, totalTokenCount: 15 }
const call = (functionCall: JsonObject, more: JsonObject = {}): JsonObject => ({ functionCall, ...more })
const piece = (functionCall: JsonObject): JsonObject => say([call(functionCall)])

export const streams: Tape[] = [
  {
    quirk: 'text in pieces, usage in every chunk',
    frames: [
      say([{ text: 'Hello' }], {}, { usageMetadata: { promptTokenCount: 5, totalTokenCount: 5 } }),
      say([{ text: ', 世界 🌍' }], stop, { usageMetadata }),
    ],
    gives: { text: 'Hello, 世界 🌍', finish: 'stop', usage: { input: 5, output: 10 } },
  },
  {
    quirk: 'thoughts, then text, then an empty part that holds the signature',
    frames: [
      say([{ text: 'Let me ', thought: true }]),
      say([{ text: 'see.', thought: true }]),
      say([{ text: 'It is 4.' }]),
      say([{ text: '', thoughtSignature: 'c2ln' }], stop, { usageMetadata }),
    ],
    gives: { reasoning: 'Let me see.', text: 'It is 4.', finish: 'stop', usage: { input: 5, output: 10 } },
  },
  {
    quirk: 'parallel calls without ids, the first signed; STOP is the word for it',
    frames: [
      say([
        call({ name: 'weather', args: { city: 'Bern' } }, { thoughtSignature: 'c2ln' }),
        call({ name: 'weather', args: { city: 'Basel' } }),
      ]),
      say([{ text: '' }], stop),
    ],
    gives: {
      calls: [
        { name: 'weather', args: '{"city":"Bern"}' },
        { name: 'weather', args: '{"city":"Basel"}' },
      ],
      finish: 'calls',
    },
  },
  {
    quirk: 'a call without arguments, another whose id was used before',
    frames: [
      say([call({ id: 'one', name: 'clock' })]),
      say([call({ id: 'one', name: 'clock', args: {} })], { finishReason: 'STOP' }),
    ],
    gives: {
      calls: [
        { name: 'clock', args: '{}' },
        { name: 'clock', args: '{}' },
      ],
      finish: 'calls',
    },
  },
  {
    quirk: 'arguments that writing anew would change',
    frames: [
      '{"candidates":[{"content":{"parts":[{"text":"\\"functionCall\\":{\\"args\\":1}"},{"functionCall":{"name":"f","args":{"b":12345678901234567890,"2":1.0,"1":"}"}}}]},"finishReason":"STOP"}]}',
    ],
    gives: {
      text: '"functionCall":{"args":1}',
      calls: [{ name: 'f', args: '{"b":12345678901234567890,"2":1.0,"1":"}"}' }],
      finish: 'calls',
    },
  },
  {
    quirk: 'arguments in pieces, each under its path',
    frames: [
      say([call({ name: 'cook', willContinue: true }, { thoughtSignature: 'c2ln' })]),
      piece({
        partialArgs: [{ jsonPath: '$.dish', stringValue: 'Rös', willContinue: true }],
        willContinue: true,
      }),
      piece({ partialArgs: [{ jsonPath: '$.dish', stringValue: 'ti', willContinue: true }], willContinue: true }),
      piece({ partialArgs: [{ jsonPath: '$.dish', stringValue: '' }], willContinue: true }),
      piece({
        partialArgs: [
          { jsonPath: '$.steps[0].name', stringValue: 'peel' },
          { jsonPath: '$.steps[1].name', stringValue: 'fry' },
          { jsonPath: "$['number of guests']", numberValue: 4 },
          { jsonPath: '$.__proto__.odd', boolValue: true },
          { jsonPath: '$.salt', nullValue: 'NULL_VALUE' },
          { jsonPath: '$.steps[99999999]', stringValue: 'never' },
        ],
        willContinue: true,
      }),
      piece({}),
      say([{ text: '' }], stop),
    ],
    gives: {
      calls: [
        {
          name: 'cook',
          args: '{"dish":"Rösti","steps":[{"name":"peel"},{"name":"fry"}],"number of guests":4,"__proto__":{"odd":true},"salt":null}',
        },
      ],
      finish: 'calls',
    },
  },
  {
    quirk: 'arguments in pieces whose end never comes',
    frames: [
      piece({ name: 'cook', willContinue: true }),
      piece({ partialArgs: [{ jsonPath: '$.dish', stringValue: 'Rösti' }], willContinue: true }),
      say([], stop),
    ],
    gives: { calls: [{ name: 'cook', args: '{"dish":"Rösti"}' }], finish: 'calls' },
  },
  {
    quirk: 'parts after a finish, and a second finish',
    frames: [
      say([{ executableCode: { language: 'PYTHON', code: 'print(1)' } }], stop),
      say([{ codeExecutionResult: { outcome: 'OUTCOME_OK', output: '1' } }]),
      say([{ text: 'One.' }], stop, {
        usageMetadata: { ...usageMetadata, toolUsePromptTokenCount: 4, totalTokenCount: 19 },
      }),
    ],
    gives: { text: 'One.', finish: 'stop', usage: { input: 9, output: 10 } },
  },
  {
    quirk: 'a content without parts ran out of tokens; no candidates are counted',
    frames: [
      {
        candidates: [{ content: { role: 'model' }, finishReason: 'MAX_TOKENS', index: 0 }],
        usageMetadata: { promptTokenCount: 5, totalTokenCount: 105, thoughtsTokenCount: 100 },
        ...head,
      },
    ],
    gives: { text: '', finish: 'length', usage: { input: 5, output: 100 } },
  },
  {
    quirk: 'a candidate without content was held back',
    frames: [{ candidates: [{ finishReason: 'SAFETY', index: 0 }], ...head }],
    gives: { text: '', finish: 'filter' },
  },
  {
    quirk: 'the prompt was blocked: no candidate at all',
    frames: [{ promptFeedback: { blockReason: 'JAILBREAK' }, usageMetadata: { promptTokenCount: 5 }, ...head }],
    gives: { text: '', finish: 'filter', usage: { input: 5, output: 0 } },
  },
  {
    quirk: 'words as numbers',
    frames: [say([{ text: 'A' }], { finishReason: 2 })],
    gives: { text: 'A', finish: 'length' },
  },
  {
    quirk: 'a call that could not be read, after words',
    frames: [say([{ text: 'A' }], { finishReason: 'MALFORMED_FUNCTION_CALL', finishMessage: 'print(x' })],
    gives: { text: 'A', finish: 'other' },
  },
  {
    quirk: 'sources, counted in bytes, and a picture',
    frames: [
      say([{ text: 'Zürich liegt am See.' }]),
      say([{ inlineData: { mimeType: 'image/png', data: 'iVBORw0KGgo=' } }]),
      say([{ text: 'Ja.' }], {
        ...stop,
        groundingMetadata: {
          groundingChunks: [{ web: { uri: 'https://a.example', title: 'a' } }],
          groundingSupports: [{ segment: { endIndex: 3, text: 'Ja.' }, groundingChunkIndices: [0] }],
          webSearchQueries: ['Zürich'],
        },
      }),
    ],
    gives: { text: 'Zürich liegt am See.Ja.', finish: 'stop' },
  },
  {
    quirk: 'it breaks off',
    frames: [say([{ text: 'Hel' }])],
    gives: { text: 'Hel', fault: 502 },
  },
  {
    quirk: 'it says in its midst that it failed',
    frames: [say([{ text: 'Hel' }]), { error: { code: 503, message: 'overloaded', status: 'UNAVAILABLE' } }],
    gives: { text: 'Hel', fault: 503 },
  },
  { quirk: 'nothing at all', frames: [], gives: { fault: 502 } },
]

/** The frames of a tape as Google sends them: CRLF, and nothing at the end. */
export const toText = ({ frames }: Tape): string =>
  frames.map(frame => `data: ${typeof frame === 'string' ? frame : JSON.stringify(frame)}\r\n\r\n`).join('')

const asked = { contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] }

export const requests: { name: string; body: JsonObject }[] = [
  { name: 'plain', body: asked },
  {
    name: 'everything that has a place',
    body: {
      ...asked,
      systemInstruction: { parts: [{ text: 'Be brief.' }, { text: 'Be kind.' }] },
      tools: [
        {
          functionDeclarations: [
            {
              name: 'f',
              description: 'does f',
              parametersJsonSchema: { type: 'object', $defs: { a: { type: 'null' } } },
            },
            { name: 'g' },
          ],
        },
        { googleSearch: {} },
      ],
      toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['f'] } },
      generationConfig: {
        temperature: 0.5,
        topP: 0.9,
        topK: 40,
        seed: 7,
        maxOutputTokens: 100,
        stopSequences: ['END'],
        candidateCount: 1,
        presencePenalty: 0.1,
        responseModalities: ['TEXT'],
        responseMimeType: 'application/json',
        responseJsonSchema: { type: 'object' },
        thinkingConfig: { thinkingBudget: 1024, includeThoughts: true },
      },
      safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
      cachedContent: 'cachedContents/1',
    },
  },
  {
    name: 'a conversation with calls, pictures, code and signatures',
    body: {
      contents: [
        {
          role: 'user',
          parts: [
            { text: 'Look' },
            { inlineData: { mimeType: 'image/png', data: 'iVBORw0KGgo=' }, videoMetadata: { fps: 1 } },
            { fileData: { mimeType: 'video/mp4', fileUri: 'https://www.youtube.com/watch?v=1' } },
            { fileData: { mimeType: 'application/pdf', fileUri: 'gs://bucket/a.pdf' } },
          ],
        },
        {
          role: 'model',
          parts: [
            { text: 'Hm.', thought: true },
            { text: 'I look.', thoughtSignature: 'c2ln' },
            { executableCode: { language: 'PYTHON', code: '1' } },
            { functionCall: { id: 'a', name: 'f', args: { x: 1 } }, thoughtSignature: 'c2ln' },
            { functionCall: { name: 'f', args: { x: 2 } } },
          ],
        },
        {
          role: 'user',
          parts: [
            { functionResponse: { id: 'a', name: 'f', response: { y: 1 } } },
            { functionResponse: { name: 'f', response: { error: 'no' } } },
          ],
        },
      ],
    },
  },
]
