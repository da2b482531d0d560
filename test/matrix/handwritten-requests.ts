/**
 * Requests as the vendors' documentation writes them, by the names of cases.ts. Parsing one must give what its case
 * says.
 */
import type { JsonObject } from '../../src/base/json/json.ts'
import { type CaseRequest, cases } from './cases.ts'

const requestOf = (name: string): CaseRequest => cases.find(one => one.name === name)!.request!
const schema = requestOf('format').format!.schema!
const mediaData = (name: string): string => {
  const found = JSON.stringify(requestOf(name)).match(/"data":"([^"]+)"/)
  return found![1]!
}
const description = 'The weather of a place'

/** https://platform.openai.com/docs/api-reference/chat/create */
const chat: Record<string, JsonObject> = {
  orphan: {
    model: 'm',
    tools: [
      {
        type: 'function',
        function: { name: 'clock', description: 'The time', parameters: { type: 'object', properties: {} } },
      },
    ],
    messages: [
      { role: 'user', content: 'Time?' },
      {
        role: 'assistant',
        tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'clock', arguments: '{}' } }],
      },
      { role: 'user', content: 'Never mind. Hello?' },
      { role: 'tool', tool_call_id: 'call_9', content: 'Noon' },
    ],
  },
  text: { model: 'm', messages: [{ role: 'user', content: [{ type: 'text', text: 'Say hello' }] }] },
  systems: {
    model: 'm',
    messages: [
      {
        role: 'developer',
        content: [
          { type: 'text', text: 'Be brief.' },
          { type: 'text', text: 'Be kind.' },
        ],
      },
      { role: 'system', content: 'Be quick.' },
      { role: 'user', content: 'Hello' },
    ],
  },
  'image-inline': {
    model: 'm',
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${mediaData('image-inline')}` } },
        ],
      },
    ],
  },
  tool: {
    model: 'm',
    tools: [{ type: 'function', function: { name: 'weather', description, parameters: schema } }],
    tool_choice: { type: 'function', function: { name: 'weather' } },
    messages: [
      { role: 'user', content: 'The weather in Bern?' },
      {
        role: 'assistant',
        content: 'I look.',
        tool_calls: [
          { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Bern","days":2}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'call_1', content: 'Sunny, 21 °C' },
      { role: 'user', content: 'And in Basel?' },
    ],
  },
  limit: {
    model: 'm',
    messages: [{ role: 'user', content: 'What is the weather in Bern?' }],
    max_completion_tokens: 777,
    temperature: 0.25,
    top_p: 0.5,
    stop: ['END', '###'],
  },
  format: {
    model: 'm',
    messages: [{ role: 'user', content: 'What is the weather in Bern?' }],
    response_format: { type: 'json_schema', json_schema: { name: 'forecast', schema, strict: true } },
  },
  effort: {
    model: 'm',
    messages: [{ role: 'user', content: 'What is the weather in Bern?' }],
    reasoning_effort: 'high',
  },
}

/** https://platform.openai.com/docs/api-reference/responses/create */
const responses: Record<string, JsonObject> = {
  orphan: {
    model: 'm',
    tools: [
      { type: 'function', name: 'clock', description: 'The time', parameters: { type: 'object', properties: {} } },
    ],
    input: [
      { role: 'user', content: 'Time?' },
      { type: 'function_call', call_id: 'call_1', name: 'clock', arguments: '{}' },
      { role: 'user', content: 'Never mind. Hello?' },
      { type: 'function_call_output', call_id: 'call_9', output: 'Noon' },
    ],
  },
  text: { model: 'm', input: 'Say hello' },
  'image-inline': {
    model: 'm',
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'What is this?' },
          { type: 'input_image', image_url: `data:image/png;base64,${mediaData('image-inline')}` },
        ],
      },
    ],
  },
  tool: {
    model: 'm',
    tools: [{ type: 'function', name: 'weather', description, parameters: schema }],
    tool_choice: { type: 'function', name: 'weather' },
    input: [
      { role: 'user', content: 'The weather in Bern?' },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'I look.', annotations: [] }] },
      { type: 'function_call', call_id: 'call_1', name: 'weather', arguments: '{"city":"Bern","days":2}' },
      { type: 'function_call_output', call_id: 'call_1', output: 'Sunny, 21 °C' },
      { role: 'user', content: [{ type: 'input_text', text: 'And in Basel?' }] },
    ],
  },
  format: {
    model: 'm',
    input: 'What is the weather in Bern?',
    text: { format: { type: 'json_schema', name: 'forecast', schema, strict: true } },
  },
  effort: { model: 'm', input: 'What is the weather in Bern?', reasoning: { effort: 'high' } },
}

/** https://docs.claude.com/en/api/messages */
const anthropic: Record<string, JsonObject> = {
  orphan: {
    model: 'm',
    max_tokens: 1024,
    tools: [{ name: 'clock', description: 'The time', input_schema: { type: 'object', properties: {} } }],
    messages: [
      { role: 'user', content: 'Time?' },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'call_1', name: 'clock', input: {} }] },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'call_9', content: 'Noon' },
          { type: 'text', text: 'Never mind. Hello?' },
        ],
      },
    ],
  },
  text: { model: 'm', max_tokens: 1024, messages: [{ role: 'user', content: 'Say hello' }] },
  'image-inline': {
    model: 'm',
    max_tokens: 1024,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: mediaData('image-inline') } },
        ],
      },
    ],
  },
  document: {
    model: 'm',
    max_tokens: 1024,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Sum it up' },
          {
            type: 'document',
            source: { type: 'base64', media_type: 'application/pdf', data: mediaData('document') },
            title: 'letter.pdf',
          },
        ],
      },
    ],
  },
  tool: {
    model: 'm',
    max_tokens: 1024,
    tools: [{ name: 'weather', description, input_schema: schema }],
    tool_choice: { type: 'tool', name: 'weather' },
    messages: [
      { role: 'user', content: 'The weather in Bern?' },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'I look.' },
          { type: 'tool_use', id: 'call_1', name: 'weather', input: { city: 'Bern', days: 2 } },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'call_1', content: 'Sunny, 21 °C' },
          { type: 'text', text: 'And in Basel?' },
        ],
      },
    ],
  },
  cache: {
    model: 'm',
    max_tokens: 1024,
    tools: [{ name: 'weather', description, input_schema: schema, cache_control: { type: 'ephemeral' } }],
    system: [{ type: 'text', text: 'A long prompt.', cache_control: { type: 'ephemeral', ttl: '1h' } }],
    messages: [
      {
        role: 'user',
        content: [{ type: 'text', text: 'Weather?', cache_control: { type: 'ephemeral', ttl: '5m' } }],
      },
    ],
  },
  limit: {
    model: 'm',
    max_tokens: 777,
    messages: [{ role: 'user', content: [{ type: 'text', text: 'What is the weather in Bern?' }] }],
    temperature: 0.25,
    top_p: 0.5,
    stop_sequences: ['END', '###'],
  },
}

/** https://ai.google.dev/api/generate-content */
const gemini: Record<string, JsonObject> = {
  orphan: {
    tools: [
      {
        functionDeclarations: [
          { name: 'clock', description: 'The time', parameters: { type: 'OBJECT', properties: {} } },
        ],
      },
    ],
    contents: [
      { role: 'user', parts: [{ text: 'Time?' }] },
      { role: 'model', parts: [{ functionCall: { id: 'call_1', name: 'clock', args: {} } }] },
      {
        role: 'user',
        parts: [
          { functionResponse: { id: 'call_9', name: 'clock', response: { output: 'Noon' } } },
          { text: 'Never mind. Hello?' },
        ],
      },
    ],
  },
  text: { contents: [{ parts: [{ text: 'Say hello' }] }] },
  'image-inline': {
    contents: [
      {
        role: 'user',
        parts: [
          { text: 'What is this?' },
          { inline_data: { mime_type: 'image/png', data: mediaData('image-inline') } },
        ],
      },
    ],
  },
  audio: {
    contents: [
      {
        role: 'user',
        parts: [{ text: 'What is said?' }, { inlineData: { mimeType: 'audio/wav', data: mediaData('audio') } }],
      },
    ],
  },
  tool: {
    tools: [{ functionDeclarations: [{ name: 'weather', description, parametersJsonSchema: schema }] }],
    toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['weather'] } },
    contents: [
      { role: 'user', parts: [{ text: 'The weather in Bern?' }] },
      {
        role: 'model',
        parts: [
          { text: 'I look.' },
          { functionCall: { id: 'call_1', name: 'weather', args: { city: 'Bern', days: 2 } } },
        ],
      },
      {
        role: 'user',
        parts: [
          { functionResponse: { id: 'call_1', name: 'weather', response: { output: 'Sunny, 21 °C' } } },
          { text: 'And in Basel?' },
        ],
      },
    ],
  },
  limit: {
    contents: [{ role: 'user', parts: [{ text: 'What is the weather in Bern?' }] }],
    generationConfig: { maxOutputTokens: 777, temperature: 0.25, topP: 0.5, stopSequences: ['END', '###'] },
  },
  format: {
    contents: [{ role: 'user', parts: [{ text: 'What is the weather in Bern?' }] }],
    generationConfig: { responseMimeType: 'application/json', responseJsonSchema: schema },
  },
}

/** One request covers all sampling parameters. */
const withSamplingCases = (requests: Record<string, JsonObject>): Record<string, JsonObject> =>
  requests.limit === undefined ? requests : { ...requests, stop: requests.limit, 'top-p': requests.limit }

export const handwrittenRequests: Record<string, Record<string, JsonObject>> = {
  'openai-chat': withSamplingCases(chat),
  'openai-responses': withSamplingCases(responses),
  anthropic: withSamplingCases(anthropic),
  gemini: withSamplingCases(gemini),
}
