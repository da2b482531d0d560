/**
 * The requests and answers that every client and every vendor exchange. Each case is written once, in a
 * protocol-neutral form.
 */
import type { Chat, Part, Turn } from '../../src/ir/chat.ts'
import type { ScriptedAnswer } from './scripted-vendor.ts'

/**
 * `handwritten`: takes the request from handwritten-requests.ts under this name. Requests that the gateway renders are always valid, so
 * a request that no correct client sends must be written by hand.
 */
export type CaseRequest = Omit<Chat, 'model' | 'stream'> & { handwritten?: string }

export type Case = {
  /** The name of the golden file. */
  name: string
  /** The title on the page docs/fidelity.md. */
  title: string
  /** Absent: a short question. */
  request?: CaseRequest
  /**
   * Texts that the vendor's request must contain unless a loss is noted. No protocol has a reason to write them in
   * another way. One alternative of each list is enough.
   */
  requestTexts?: string[][]
  answer?: ScriptedAnswer
  /**
   * The same for texts of the vendor's answer that must reach the client. `isOptional`: a client protocol may have no
   * field for the text; the page then names it and no loss is noted.
   */
  answerTexts?: { name: string; texts: string[]; isOptional?: true }[]
  /** The vendor refuses with its answer to too many requests. */
  isRateLimited?: boolean
  /** The vendor's stream breaks after the first part, with the error frame its protocol has for that. */
  isBroken?: boolean
}

const user = (...parts: (Part | string)[]): Turn => ({ role: 'user', parts: parts.map(toPart) })
const assistant = (...parts: (Part | string)[]): Turn => ({ role: 'assistant', parts: parts.map(toPart) })
const system = (...parts: (Part | string)[]): Turn => ({ role: 'system', parts: parts.map(toPart) })
const toPart = (part: Part | string): Part => (typeof part === 'string' ? { type: 'text', text: part } : part)
const call = (id: string, name: string, args: string): Part => ({ type: 'call', id, name, args })
const result = (id: string, ...parts: (Part | string)[]): Part => ({ type: 'result', id, parts: parts.map(toPart) })

export const question: CaseRequest = { turns: [user('What is the weather in Bern?')] }

const schema = {
  type: 'object',
  properties: { city: { type: 'string', description: 'A town of Switzerland' }, days: { type: 'integer' } },
  required: ['city'],
  additionalProperties: false,
}
const weather = { name: 'weather', description: 'The weather of a place', schema }
const clock = { name: 'clock', description: 'The time', schema: { type: 'object', properties: {} } }

/** A red PNG of one pixel. */
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=='
const pdf = 'JVBERi0xLjQKJSVFT0Y='
const wav = 'UklGRiQAAABXQVZFZm10IA=='
/** The content behind media URLs, for a vendor that needs bytes. */
export const fetchedImage = { mime: 'image/png', data: png }

const requestCases: Case[] = [
  {
    name: 'systems',
    title: 'several system prompts',
    request: { turns: [system('Be brief.', 'Be kind.'), system('Be quick.'), user('Hello')] },
    requestTexts: [['Be brief.'], ['Be kind.'], ['Be quick.'], ['Hello']],
  },
  {
    name: 'system-amid',
    title: 'a system prompt in the middle of the conversation',
    request: { turns: [system('Be brief.'), user('Hello'), assistant('Hi!'), system('Now rhyme.'), user('Go on')] },
    requestTexts: [['Be brief.'], ['Now rhyme.'], ['Go on']],
  },
  {
    name: 'image-address',
    title: 'an image by URL',
    request: {
      turns: [
        user('What is this?', { type: 'media', mime: 'image/*', source: { url: 'https://pictures.example/cat.png' } }),
      ],
    },
    requestTexts: [['https://pictures.example/cat.png', png]],
  },
  {
    name: 'image-inline',
    title: 'an inline image',
    request: { turns: [user('What is this?', { type: 'media', mime: 'image/png', source: { data: png } })] },
    requestTexts: [[png]],
  },
  {
    name: 'image-in-result',
    title: 'an image in a tool result',
    request: {
      tools: [clock],
      turns: [
        user('Show me the clock'),
        assistant(call('call_1', 'clock', '{}')),
        {
          role: 'user',
          parts: [result('call_1', 'Here:', { type: 'media', mime: 'image/png', source: { data: png } })],
        },
      ],
    },
    requestTexts: [[png], ['Here:']],
  },
  {
    name: 'document',
    title: 'a PDF',
    request: {
      turns: [user('Sum it up', { type: 'media', mime: 'application/pdf', source: { data: pdf }, name: 'letter.pdf' })],
    },
    requestTexts: [[pdf]],
  },
  {
    name: 'audio',
    title: 'audio input',
    request: { turns: [user('What is said?', { type: 'media', mime: 'audio/wav', source: { data: wav } })] },
    requestTexts: [[wav]],
  },
  {
    name: 'tool',
    title: 'a tool with its call and result, and a forced tool',
    request: {
      tools: [weather],
      choice: { name: 'weather' },
      turns: [
        user('The weather in Bern?'),
        assistant('I look.', call('call_1', 'weather', '{"city":"Bern","days":2}')),
        { role: 'user', parts: [result('call_1', 'Sunny, 21 °C')] },
        user('And in Basel?'),
      ],
    },
    requestTexts: [
      ['A town of Switzerland'],
      ['"city":"Bern"', '\\"city\\":\\"Bern\\"'],
      ['Sunny, 21 °C'],
      ['I look.'],
      ['And in Basel?'],
    ],
  },
  {
    name: 'tools-parallel',
    title: 'parallel tool calls with their results, and any tool required',
    request: {
      tools: [weather, clock],
      choice: 'any',
      turns: [
        user('Weather and time?'),
        assistant(call('call_1', 'weather', '{"city":"Bern"}'), call('call_2', 'clock', '{}')),
        { role: 'user', parts: [result('call_1', 'Sunny'), result('call_2', 'Noon')] },
      ],
    },
    requestTexts: [['Sunny'], ['Noon'], ['clock']],
  },
  {
    name: 'tools-one',
    title: 'at most one tool call at a time',
    request: { ...question, tools: [clock], parallel: false },
    requestTexts: [['clock']],
  },
  {
    name: 'result-failed',
    title: 'a failed tool call',
    request: {
      tools: [clock],
      turns: [
        user('Time?'),
        assistant(call('call_1', 'clock', '{}')),
        { role: 'user', parts: [{ type: 'result', id: 'call_1', parts: [toPart('No clock.')], failed: true }] },
      ],
    },
    requestTexts: [['No clock.']],
  },
  {
    name: 'tools-none',
    title: 'tools that must not be called, and an empty result',
    request: {
      tools: [clock],
      choice: 'none',
      turns: [user('Time?'), assistant(call('call_1', 'clock', '{}')), { role: 'user', parts: [result('call_1', '')] }],
    },
    requestTexts: [['clock']],
  },
  {
    name: 'thoughts',
    title: 'thoughts of an earlier response, without a signature',
    request: {
      turns: [user('2+2?'), assistant({ type: 'reasoning', text: 'An easy sum.' }, 'Four.'), user('Sure?')],
    },
    requestTexts: [['Four.'], ['An easy sum.']],
  },
  { name: 'effort', title: 'reasoning effort', request: { ...question, reasoning: { effort: 'high' } } },
  {
    name: 'budget',
    title: 'a thinking budget, with visible thoughts',
    request: { ...question, limit: 9000, reasoning: { budget: 4096, shown: true } },
  },
  {
    name: 'format',
    title: 'structured output',
    request: { ...question, format: { name: 'forecast', schema, strict: true } },
    requestTexts: [['A town of Switzerland']],
  },
  {
    name: 'format-json',
    title: 'JSON without a schema',
    request: { ...question, format: {} },
    requestTexts: [['json', 'JSON']],
  },
  {
    name: 'limit',
    title: 'a token limit and a temperature',
    request: { ...question, limit: 777, temperature: 0.25 },
    requestTexts: [['777'], ['0.25']],
  },
  {
    name: 'stop',
    title: 'stop sequences',
    request: { ...question, stop: ['END', '###'] },
    requestTexts: [['END'], ['###']],
  },
  { name: 'top-p', title: 'top-p', request: { ...question, topP: 0.5 }, requestTexts: [['0.5']] },
  { name: 'top-k', title: 'top-k', request: { ...question, topK: 33 }, requestTexts: [['33']] },
  { name: 'seed', title: 'a seed', request: { ...question, seed: 424242 }, requestTexts: [['424242']] },
  {
    name: 'cache',
    title: 'cache marks, one of them for an hour',
    request: {
      tools: [{ ...weather, cache: {} }],
      turns: [
        system({ type: 'text', text: 'A long prompt.', cache: { ttl: '1h' } }),
        user({ type: 'text', text: 'Weather?', cache: { ttl: '5m' } }),
      ],
    },
    requestTexts: [['A long prompt.'], ['Weather?']],
  },
  {
    name: 'user',
    title: 'the user ID',
    request: { ...question, user: 'user-4711' },
    requestTexts: [['user-4711']],
  },
  {
    name: 'custom-tool',
    title: 'a tool with free-text input',
    request: {
      tools: [{ name: 'patch', description: 'Applies a patch', custom: { type: 'text' } }],
      turns: [
        user('Mend it'),
        assistant({ type: 'call', id: 'call_1', name: 'patch', args: '*** Begin "Patch"', custom: true }),
        { role: 'user', parts: [result('call_1', 'Done')] },
      ],
    },
    requestTexts: [['Applies a patch'], ['Begin'], ['Done']],
  },
  {
    name: 'orphan',
    title: 'a tool call without a result, and a result without a call',
    request: {
      handwritten: 'orphan',
      tools: [clock],
      turns: [user('Time?'), assistant(call('call_1', 'clock', '{}')), user('Never mind. Hello?')],
    },
    requestTexts: [['Never mind. Hello?']],
  },
]

const usage = { input: 20, output: 9 }

const answerCases: Case[] = [
  {
    name: 'text',
    title: 'text',
    request: { turns: [user('Say hello')] },
    requestTexts: [['Say hello']],
    answer: { parts: [{ type: 'text', text: 'Hello, 世界 🌍' }], finish: 'stop', usage },
  },
  {
    name: 'answer-thoughts',
    title: 'thoughts, then text',
    request: { ...question, reasoning: { effort: 'medium', shown: true } },
    answer: {
      parts: [
        { type: 'thought', text: 'An easy one.', seal: 'c2lnbmF0dXJlLTE=' },
        { type: 'text', text: 'It is sunny.' },
      ],
      finish: 'stop',
      usage: { ...usage, reasoning: 4 },
    },
  },
  {
    name: 'answer-call',
    title: 'a tool call',
    request: { ...question, tools: [weather] },
    answer: {
      parts: [
        { type: 'text', text: 'I look.' },
        { type: 'call', id: 'call_1', name: 'weather', args: '{"city":"Zürich \\"West\\"","days":2}' },
      ],
      finish: 'calls',
      usage,
    },
  },
  {
    name: 'answer-calls-parallel',
    title: 'parallel tool calls, one without arguments',
    request: { ...question, tools: [weather, clock] },
    answer: {
      parts: [
        { type: 'call', id: 'call_1', name: 'weather', args: '{"city":"Bern"}' },
        { type: 'call', id: 'call_2', name: 'clock', args: '{}' },
      ],
      finish: 'calls',
      usage,
    },
  },
  {
    name: 'answer-calls-interleaved',
    title: 'tool calls with interleaved deltas',
    request: { ...question, tools: [weather] },
    answer: {
      parts: [
        { type: 'call', id: 'call_1', name: 'weather', args: '{"city":"Bern"}' },
        { type: 'call', id: 'call_2', name: 'weather', args: '{"city":"Basel"}' },
      ],
      finish: 'calls',
      usage,
      interleaved: true,
    },
  },
  {
    name: 'answer-custom',
    title: 'a call of a tool with free-text input',
    request: { ...question, tools: [{ name: 'patch', description: 'Applies a patch', custom: { type: 'text' } }] },
    answer: {
      parts: [{ type: 'call', id: 'call_1', name: 'patch', args: '{"input":"*** Begin"}', customInput: '*** Begin' }],
      finish: 'calls',
      usage,
    },
  },
  {
    name: 'answer-redacted',
    title: 'thoughts that only the vendor can read',
    answer: {
      parts: [
        { type: 'redacted', seal: 'cmVkYWN0ZWQtMQ==' },
        { type: 'text', text: 'It is sunny.' },
      ],
      finish: 'stop',
      usage,
    },
  },
  {
    name: 'answer-refusal',
    title: 'a refusal',
    answer: { parts: [{ type: 'refusal', text: 'I cannot help with that.' }], finish: 'filter', usage },
  },
  {
    name: 'answer-cited',
    title: 'a text with a citation',
    answerTexts: [
      { name: 'the address', texts: ['https://news.example/1'] },
      { name: 'the title', texts: ['The News'] },
    ],
    answer: {
      parts: [
        {
          type: 'text',
          text: 'It is sunny.',
          citation: { url: 'https://news.example/1', title: 'The News', quote: 'Sun all day' },
        },
      ],
      finish: 'stop',
      usage,
    },
  },
  {
    name: 'answer-length',
    title: 'a response cut off by the token limit',
    answer: { parts: [{ type: 'text', text: 'It is' }], finish: 'length', usage },
  },
  {
    name: 'answer-stop',
    title: 'a stop sequence that matched',
    answerTexts: [{ name: 'which it was', texts: ['END'], isOptional: true }],
    request: { ...question, stop: ['END'] },
    answer: { parts: [{ type: 'text', text: 'It is sunny.' }], finish: 'stop', stop: 'END', usage },
  },
  {
    name: 'answer-empty',
    title: 'an empty response',
    answer: { parts: [], finish: 'stop', usage: { input: 20, output: 0 } },
  },
  {
    name: 'answer-usage',
    title: 'usage with cache reads, cache writes and reasoning tokens',
    answerTexts: [
      { name: 'tokens read from the cache', texts: ['64'] },
      { name: 'tokens written to the cache', texts: ['18'], isOptional: true },
      { name: 'tokens of thoughts', texts: ['29'], isOptional: true },
    ],
    answer: {
      parts: [{ type: 'text', text: 'Sunny.' }],
      finish: 'stop',
      usage: { input: 110, output: 35, cacheRead: 64, cacheWrite: 18, cacheWrite1h: 5, reasoning: 29 },
    },
  },
  { name: 'answer-limited', title: 'a rate limit error', isRateLimited: true },
  {
    name: 'answer-broken',
    title: 'an overload error in the middle of the stream',
    isBroken: true,
    answer: { parts: [{ type: 'text', text: 'It is sunny.' }], finish: 'stop', usage },
  },
]

export const cases: readonly Case[] = [...requestCases, ...answerCases]
