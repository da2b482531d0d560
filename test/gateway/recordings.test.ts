/**
 * Every recorded exchange once more, with the running gateway in between. A script plays the vendor and sends the
 * recorded answer chunk by chunk. The client must get a strictly valid answer with the vendor's content, and the
 * vendor must get the client's request.
 */
import { afterAll, beforeAll, describe, expect } from 'bun:test'
import { providers } from '../../src/providers/index.ts'
import { expectedStatus } from '../support/expected-status.ts'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type Recording, recordedTest, recordings, seededRandom } from '../support/recordings.ts'
import { type ReceivedRequest, type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { chunksOf, readNaively } from '../validators/naive.ts'
import { type Answer, readMessage, readStream } from '../validators/openai-chat.ts'

type Fields = Record<string, unknown>
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

type VendorService = { type: string; path: string }

/** The service types of vendors that have one. All others are an `openai` service with a `server_url`. */
const services: Record<string, VendorService> = {
  alibaba: { type: 'dashscope', path: '/compatible-mode/v1' },
  azure: { type: 'azure', path: '/openai/deployments' },
  cerebras: { type: 'cerebras', path: '/v1' },
  cloudflare: { type: 'cloudflare', path: '/client/v4/accounts/one/ai/v1' },
  deepseek: { type: 'deepseek', path: '' },
  fireworks: { type: 'fireworks', path: '/inference/v1' },
  groq: { type: 'groq', path: '/openai/v1' },
  huggingface: { type: 'huggingface', path: '/v1' },
  hunyuan: { type: 'hunyuan', path: '/v1' },
  minimax: { type: 'minimax', path: '/v1' },
  mistral: { type: 'mistral', path: '/v1' },
  moonshot: { type: 'moonshot', path: '/v1' },
  ollama: { type: 'ollama', path: '/v1' },
  'ollama-cloud': { type: 'ollama', path: '/v1' },
  openrouter: { type: 'openrouter', path: '/api/v1' },
  qianfan: { type: 'qianfan', path: '/v2' },
  siliconflow: { type: 'siliconflow', path: '/v1' },
  together: { type: 'together', path: '/v1' },
  vllm: { type: 'vllm', path: '/v1' },
  volcengine: { type: 'huoshan', path: '/api/v3' },
  xai: { type: 'xai', path: '/v1' },
  zhipu: { type: 'zhipu', path: '/api/paas/v4' },
}
const serviceOf = (vendor: string): VendorService => {
  const service = services[vendor]
  return service && providers.has(service.type) ? service : { type: 'openai', path: '/v1' }
}

const messagesOf = (body: Fields) => body.messages as Fields[]
const clampTo = (low: number, high: number) => (value: unknown) =>
  typeof value === 'number' ? Math.min(Math.max(value, low), high) : value
const clampField = (body: Fields, field: string, clamp: (value: unknown) => unknown) => {
  if (field in body) body[field] = clamp(body[field])
}
const penalties = ['presence_penalty', 'frequency_penalty']
const removeFields = (body: Fields, fields: string[]) => {
  for (const field of fields) delete body[field]
}
const useSystemRole = (body: Fields) => {
  for (const message of messagesOf(body)) if (message.role === 'developer') message.role = 'system'
}
const useMaxTokens = (body: Fields) => {
  if (typeof body.max_completion_tokens !== 'number') return
  body.max_tokens ??= body.max_completion_tokens
  delete body.max_completion_tokens
}

/** The gateway does not know the reasoning before a recorded call, so it sends an empty one. */
const addEmptyReasoning = (body: Fields) => {
  for (const message of messagesOf(body))
    if (message.role === 'assistant' && Array.isArray(message.tool_calls) && message.tool_calls.length > 0)
      message.reasoning_content ??= ''
}

/** What the documentation of each service says it changes in a request. Services not listed change nothing. */
const adjustments: Record<string, (body: Fields) => void> = {
  deepseek: body => {
    useSystemRole(body)
    useMaxTokens(body)
    addEmptyReasoning(body)
  },
  zhipu: body => {
    useSystemRole(body)
    useMaxTokens(body)
    clampField(body, 'temperature', clampTo(0, 1))
    clampField(body, 'top_p', clampTo(0.01, 1))
  },
  groq: body => {
    removeFields(body, ['logprobs', 'top_logprobs', 'logit_bias'])
    if (typeof body.n === 'number' && body.n > 1) delete body.n
    for (const message of messagesOf(body)) delete message.name
  },
  moonshot: body => {
    clampField(body, 'temperature', clampTo(0, 1))
    addEmptyReasoning(body)
  },
  dashscope: body => {
    useSystemRole(body)
    clampField(body, 'temperature', clampTo(0, 1.99))
    clampField(body, 'top_p', clampTo(0.01, 1))
  },
  ollama: useMaxTokens,
  cerebras: body => {
    useSystemRole(body)
    removeFields(body, [...penalties, 'logit_bias', 'service_tier', 'prompt_cache_key'])
  },
  hunyuan: useSystemRole,
  huoshan: body => {
    useSystemRole(body)
    if (typeof body.max_completion_tokens === 'number') delete body.max_tokens
  },
  minimax: body => {
    useSystemRole(body)
    if (body.n !== 1) delete body.n
    clampField(body, 'temperature', clampTo(0.01, 1))
  },
  mistral: body => {
    useSystemRole(body)
    useMaxTokens(body)
    if (typeof body.seed === 'number') body.random_seed ??= body.seed
    removeFields(body, [
      'seed',
      'stream_options',
      'logit_bias',
      'user',
      'store',
      'service_tier',
      'prompt_cache_key',
      'verbosity',
    ])
    for (const message of messagesOf(body)) {
      if (message.role !== 'tool') delete message.name
      removeFields(message, ['reasoning_content', 'reasoning', 'refusal', 'audio', 'annotations', 'function_call'])
    }
  },
  qianfan: body => {
    useSystemRole(body)
    if (/^ernie-/i.test(body.model as string)) body.model = (body.model as string).toLowerCase()
  },
  xai: body => {
    removeFields(body, penalties)
    if (!(body.model as string).includes('non-reasoning')) delete body.stop
  },
}

/** A recording, and what the client sends for it. */
type Replay = {
  recording: Recording
  /** Path below `/v1/`. */
  path: string
  /** The vendor's name of the model, and the client's. */
  model: string
  alias: string
  /** A JSON body or a form. */
  body: Fields | FormData
  stream: boolean
}

type Result = { replay: Replay; response: Response; text: string; bytes: Uint8Array; received: ReceivedRequest[] }

const replayOf = (recording: Recording, path: string, request: Fields, stream: boolean): Replay => {
  const model = typeof request.model === 'string' && request.model !== '' ? request.model : 'recorded-model'
  const alias = `${recording.provider}/${path}/${model}`
  return { recording, path, model, alias, body: { ...request, model: alias }, stream }
}

/** The request to send where the capture did not include it. */
const defaultRequest = (events: boolean): Fields => ({
  messages: [{ role: 'user', content: 'Hi' }],
  ...(events && { stream: true }),
})

const chatRecordings = recordings('chat-completions')
/**
 * Listing stored chats is a GET of the same URL, and updating one is a POST below it without messages. Both are left
 * out.
 */
const chatReplays = chatRecordings
  .filter(({ method, url }) => method === 'POST' && !/\/chat\/completions\/./.test(url))
  .map(recording => {
    const { request, isEventStream } = recording
    const given = isFields(request) && Array.isArray(request.messages) ? request : defaultRequest(isEventStream)
    return replayOf(recording, 'chat/completions', given, given.stream === true)
  })

const passthroughPaths = [
  'audio/speech',
  'audio/transcriptions',
  'audio/translations',
  'completions',
  'embeddings',
  'images/edits',
  'images/generations',
  'moderations',
  'rerank',
]
const samples: Record<string, Fields> = { completions: { prompt: 'Hi' }, embeddings: { input: 'Hi' } }

const formOf = (alias: string, events: boolean): FormData => {
  const form = new FormData()
  form.set('model', alias)
  if (events) form.set('stream', 'true')
  form.set('file', new File([new Uint8Array([82, 73, 70, 70, 0, 255, 13, 10])], 'a.wav', { type: 'audio/wav' }))
  return form
}

/** A replay of a recording in OpenAI's shape: with OpenAI's path, and a body with the required fields. */
const passthroughReplayOf = (recording: Recording): Replay | undefined => {
  const { method, url, request, isEventStream } = recording
  const address = url.split('?')[0]!
  const path = passthroughPaths.find(one => address.endsWith(`/${one}`))
  if (method !== 'POST' || path === undefined || /\/prompts\/|\/api\/embeddings$/.test(address)) return undefined
  if (isFields(request)) return replayOf(recording, path, request, request.stream === true)
  const replay = replayOf(recording, path, samples[path] ?? {}, false)
  return path.startsWith('audio/') ? { ...replay, body: formOf(replay.alias, isEventStream) } : replay
}

const passthroughRecordings = [
  'embeddings',
  'completions',
  'moderations',
  'images',
  'audio-transcription',
  'audio-speech',
  'rerank',
].flatMap(recordings)
const passthroughReplays = passthroughRecordings.map(passthroughReplayOf).filter(replay => replay !== undefined)

const vendorKey = 'vendor-key-of-the-replay'
const replays = [...chatReplays, ...passthroughReplays]

const configFor = (upstream: Upstream): object => {
  const entries: Record<string, object[]> = {}
  for (const vendor of new Set(replays.map(({ recording }) => recording.provider))) {
    const { type, path } = serviceOf(vendor)
    const vendorReplays = replays.filter(({ recording }) => recording.provider === vendor)
    entries[type] ??= []
    entries[type].push({
      id: vendor,
      enabled: true,
      models: [...new Set(vendorReplays.map(({ alias }) => alias))],
      model_map: Object.fromEntries(vendorReplays.map(({ alias, model }) => [alias, model])),
      server_url: `${upstream.url}${path}`,
      credentials: { api_key: vendorKey },
      speaks: passthroughPaths,
    })
  }
  return { api_key: 'client-key', services: entries }
}

const hopByHop = /^(content-length|transfer-encoding|content-encoding|connection|keep-alive|set-cookie)$/i

/** The answer in its recorded chunks; a stream without them is cut at seeded positions, also inside characters. */
const piecesOf = ({ pieces, text, bytes, isEventStream, file }: Recording): (string | Uint8Array)[] => {
  if (bytes) return [bytes.subarray(0, bytes.length >> 1), bytes.subarray(bytes.length >> 1)]
  if (pieces?.join('') === text) return pieces
  const textBytes = Buffer.from(text)
  if (!isEventStream) return [textBytes]
  const random = seededRandom(Bun.hash.crc32(file))
  const cuts = Array.from({ length: 16 }, () => Math.floor(random() * textBytes.length)).sort((a, b) => a - b)
  return [0, ...cuts].map((start, at) => textBytes.subarray(start, cuts[at] ?? textBytes.length))
}

const received = new Map<number, ReceivedRequest[]>()

const script: Script = async (answer, request) => {
  const number = Number(request.headers['x-client-request-id'])
  received.set(number, [...(received.get(number) ?? []), request])
  const { recording } = replays[number]!
  const headers = Object.entries(recording.headers).filter(([name]) => !hopByHop.test(name))
  answer.writeHead(recording.status ?? 200, Object.fromEntries(headers))
  for (const piece of piecesOf(recording)) {
    await answer.write(piece)
    // Yields to the event loop, so that a piece is sent before the next one is written.
    if (recording.isEventStream) await new Promise(resolve => setImmediate(resolve))
  }
  answer.end()
}

let upstream: Upstream
let gateway: Gateway
const results: Result[] = []

const run = async (replay: Replay, number: number): Promise<Result> => {
  const json = !(replay.body instanceof FormData)
  const response = await fetch(`${gateway.url}/v1/${replay.path}`, {
    method: 'POST',
    headers: {
      authorization: 'Bearer client-key',
      'x-client-request-id': String(number),
      ...(json && { 'content-type': 'application/json' }),
    },
    body: json ? JSON.stringify(replay.body) : (replay.body as FormData),
    proxy: false,
  })
  const bytes = await response.bytes()
  return { replay, response, bytes, text: Buffer.from(bytes).toString(), received: received.get(number) ?? [] }
}

const runAll = async () => {
  let next = 0
  const worker = async () => {
    for (let number = next++; number < replays.length; number = next++)
      results[number] = await run(replays[number]!, number)
  }
  await Promise.all(Array.from({ length: 16 }, worker))
}

beforeAll(async () => {
  if (replays.length === 0) return
  upstream = await scriptedUpstream(script)
  gateway = await startGateway(configFor(upstream))
  await runAll()
}, 60_000)
afterAll(async () => {
  if (replays.length === 0) return
  await gateway.stop()
  await upstream.close()
})

/** Checks all selected results, then throws one error that lists every failure with its file. */
const checkEach = (selects: (replay: Replay) => boolean, check: (result: Result) => void) => {
  const failures: string[] = []
  for (const result of results.filter(({ replay }) => selects(replay)))
    try {
      check(result)
    } catch (error) {
      failures.push(`${result.replay.recording.file}\n${(error as Error).message}\n${result.text.slice(0, 300)}`)
    }
  if (failures.length > 0) throw new Error(`${failures.length} fail:\n\n${failures.join('\n\n')}`)
}
const countOf = (selects: (replay: Replay) => boolean) => replays.filter(selects).length

const statusOf = ({ recording }: Replay) => recording.status ?? 200
const isChat = ({ path }: Replay) => path === 'chat/completions'
const isGood = (replay: Replay) => statusOf(replay) === 200
const isRefused = (replay: Replay) => !isGood(replay)
const isErrorAnswer = ({ recording: { isEventStream, text, bytes } }: Replay): boolean => {
  if (bytes) return false
  if (text === '') return true
  if (isEventStream) {
    const { chunks, failed, done } = chunksOf(text)
    return (
      failed || !(done || chunks.some(chunk => (chunk.choices as Fields[] | undefined)?.some(one => one.finish_reason)))
    )
  }
  const body = JSON.parse(text) as { error?: unknown; choices?: { error?: unknown }[] }
  return Boolean(body.error ?? body.choices?.find(choice => choice.error))
}

/** The recorded chunks. A chunk with only usage is expected only by a client that asked for usage. */
const chunksFor = ({ recording, body }: Replay): Fields[] => {
  const options = (body as Fields).stream_options
  const asksUsage = isFields(options) && options.include_usage === true
  const isUsageOnly = ({ usage, choices }: Fields) => isFields(usage) && Array.isArray(choices) && choices.length === 0
  return chunksOf(recording.text).chunks.filter(chunk => asksUsage || !isUsageOnly(chunk))
}

const summaryOf = ({ choices, usage }: Answer) => ({
  choices: choices.map(({ text, reasoning, refusal, calls, finish }) => ({ text, reasoning, refusal, calls, finish })),
  usage: usage && { prompt: usage.prompt_tokens, completion: usage.completion_tokens, total: usage.total_tokens },
})

const isChatStream = (replay: Replay) =>
  isChat(replay) && isGood(replay) && replay.recording.isEventStream && !isErrorAnswer(replay)
const isChatComplete = (replay: Replay) =>
  isChat(replay) && isGood(replay) && !replay.recording.isEventStream && !isErrorAnswer(replay)
const isChatError = (replay: Replay) => isChat(replay) && isGood(replay) && isErrorAnswer(replay)

const expectError = (body: unknown) => {
  const { error } = body as { error: Fields }
  expect(isFields(error)).toBe(true)
  expect(typeof error.message).toBe('string')
  expect(error.message).not.toBe('')
  expect(typeof error.type).toBe('string')
  expect('param' in error && 'code' in error).toBe(true)
}

describe(`${chatReplays.length} of ${chatRecordings.length} recorded chats through the gateway`, () => {
  recordedTest(
    replays.filter(isChatStream),
    `${countOf(isChatStream)} streams are strictly valid, with the vendor's text, reasoning, calls, finish reason and usage`,
    () => {
      checkEach(isChatStream, ({ replay, response, text }) => {
        expect(response.status).toBe(200)
        expect(response.headers.get('content-type')).toStartWith('text/event-stream')
        expect(summaryOf(readStream(text, replay.alias))).toEqual(summaryOf(readNaively(chunksFor(replay), 'delta')))
      })
    },
  )

  recordedTest(
    replays.filter(isChatComplete),
    `${countOf(isChatComplete)} complete answers are strictly valid, with the vendor's text, reasoning, calls, finish reason and usage`,
    () => {
      checkEach(isChatComplete, ({ replay, response, text }) => {
        expect(response.status).toBe(200)
        expect(response.headers.get('content-type')).toStartWith('application/json')
        expect(summaryOf(readMessage(text, replay.alias))).toEqual(
          summaryOf(readNaively([JSON.parse(replay.recording.text)], 'message')),
        )
      })
    },
  )

  recordedTest(replays.filter(isChatComplete), "every other field of a complete answer is the vendor's", () => {
    const omit = (body: Fields, names: string[]) =>
      Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)))
    const otherFields = (body: Fields) => ({
      ...omit(body, ['id', 'object', 'created', 'model', 'usage', 'choices']),
      choices: (body.choices as Fields[]).map(choice => ({
        ...omit(choice, ['index', 'finish_reason', 'message']),
        message: omit((choice.message ?? {}) as Fields, [
          'role',
          'content',
          'tool_calls',
          'function_call',
          'reasoning_content',
        ]),
      })),
    })
    checkEach(isChatComplete, ({ replay, text }) => {
      const [body = {}] = [JSON.parse(replay.recording.text) as Fields | Fields[]].flat()
      expect(otherFields(JSON.parse(text))).toEqual(otherFields(body))
    })
  })

  recordedTest(
    replays.filter(isChatError),
    `${countOf(isChatError)} failures with status 200 are errors, without [DONE] where the stream had begun`,
    () => {
      checkEach(isChatError, ({ response, text }) => {
        if (response.status !== 200) return expectError(JSON.parse(text))
        expect(text).not.toContain('[DONE]')
        const frames = text.trimEnd().split('\n\n')
        expectError(JSON.parse(frames.at(-1)!.slice('data: '.length)))
      })
    },
  )
})

describe('the requests to the vendor', () => {
  const isChatRequest = (replay: Replay) => isChat(replay)

  recordedTest(
    replays.filter(isChatRequest),
    `the vendor gets ${countOf(isChatRequest)} requests as they were sent, except for the model, the usage option and documented adjustments`,
    () => {
      checkEach(isChatRequest, ({ replay, received: [first] }) => {
        if (first === undefined) return
        const expected: Fields = { ...structuredClone(replay.body as Fields), model: replay.model }
        if (replay.stream) expected.stream_options = { ...(expected.stream_options as Fields), include_usage: true }
        adjustments[serviceOf(replay.recording.provider).type]?.(expected)
        expect(first.json()).toEqual(expected)
      })
    },
  )

  const isUnadjusted = (replay: Replay) =>
    isChat(replay) && !replay.stream && !(serviceOf(replay.recording.provider).type in adjustments)
  recordedTest(replays.filter(isUnadjusted), "the vendor gets the client's own bytes where nothing is adjusted", () => {
    checkEach(isUnadjusted, ({ replay, received: [first] }) => {
      if (first) expect(first.body).toBe(JSON.stringify({ ...(replay.body as Fields), model: replay.model }))
    })
  })

  recordedTest(chatReplays, 'the gateway itself refuses only requests that the recorded vendor refused too', () => {
    checkEach(isChat, ({ replay, response, received }) => {
      if (received.length > 0) return
      expect([response.status, statusOf(replay)]).toEqual([400, 400])
    })
  })

  recordedTest(chatReplays, 'the vendor is asked once for each request, with our key', () => {
    checkEach(isChat, ({ replay, received }) => {
      expect(received.length).toBeLessThanOrEqual(1)
      const name = serviceOf(replay.recording.provider).type === 'azure' ? 'api-key' : 'authorization'
      for (const { headers } of received) {
        expect(headers[name]).toEndWith(vendorKey)
        expect(JSON.stringify(headers)).not.toContain('client-key')
      }
    })
  })
})

describe('refusals', () => {
  recordedTest(
    replays.filter(isRefused),
    `${countOf(isRefused)} refusals have the status that their words mean, or say that the gateway's key was refused`,
    () => {
      checkEach(isRefused, ({ replay, response, text, received }) => {
        const status = statusOf(replay)
        const { error } = JSON.parse(text) as { error: Fields }
        expectError({ error })
        if (received.length === 0) return
        const aboutKey = error.code === 'upstream_credentials'
        expect(response.status).toBe(aboutKey ? 502 : expectedStatus(status, replay.recording.text))
        if (aboutKey) expect([400, 401, 402, 403]).toContain(status)
        if (aboutKey && status === 400) expect(replay.recording.text).toMatch(/api.?key/i)
        expect(response.headers.get('content-type')).toStartWith('application/json')
      })
    },
  )

  const vendorMessage = ({ recording: { text, isEventStream } }: Replay): string | undefined => {
    if (isEventStream || !text.startsWith('{')) return undefined
    const { error } = JSON.parse(text) as { error?: Fields }
    const message = isFields(error) ? error.message : undefined
    return typeof message === 'string' && message !== '' && !message.includes('***') ? message : undefined
  }
  const hasVendorMessage = (replay: Replay) => isRefused(replay) && vendorMessage(replay) !== undefined
  recordedTest(
    replays.filter(hasVendorMessage),
    `${countOf(hasVendorMessage)} refusals have the vendor's own message, except where it is about the gateway's key`,
    () => {
      checkEach(hasVendorMessage, ({ replay, text, received }) => {
        const { error } = JSON.parse(text) as { error: Fields }
        if (received.length === 0) return
        if (error.code === 'upstream_credentials') expect(error.message).not.toContain(vendorMessage(replay)!)
        else expect(error.message).toBe(vendorMessage(replay)!)
      })
    },
  )

  const isLimited = (replay: Replay) => statusOf(replay) === 429
  recordedTest(replays.filter(isLimited), `${countOf(isLimited)} refusals with 429 keep their Retry-After`, () => {
    checkEach(isLimited, ({ replay, response }) => {
      const given = Object.entries(replay.recording.headers).find(([name]) => name.toLowerCase() === 'retry-after')?.[1]
      if (given !== undefined) expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(Number(given))
    })
  })
})

type Event = { event: string | undefined; data: string }
const eventsOf = (text: string): Event[] =>
  text
    .split(/\r?\n\r?\n/)
    .map(block => block.split(/\r?\n/))
    .map(lines => ({
      event: lines
        .find(line => line.startsWith('event:'))
        ?.slice(6)
        .trim(),
      data: lines
        .filter(line => line.startsWith('data:'))
        .map(line => line.slice(5).trimStart())
        .join('\n'),
    }))
    .filter(({ data }) => data !== '')

/** The body with the client's name of the model, where it names one. */
const withAlias = (body: unknown, alias: string) =>
  isFields(body) && typeof body.model === 'string' ? { ...body, model: alias } : body

describe(`${passthroughReplays.length} of ${passthroughRecordings.length} recorded exchanges of other paths through the gateway`, () => {
  for (const path of passthroughPaths) {
    const isGoodHere = (replay: Replay) => replay.path === path && isGood(replay)
    const isComplete = (replay: Replay) =>
      isGoodHere(replay) && !replay.recording.isEventStream && !replay.recording.bytes
    recordedTest(
      replays.filter(isComplete),
      `${countOf(isComplete)} complete answers of ${path} pass unchanged except for the model`,
      () => {
        checkEach(isComplete, ({ replay, response, text }) => {
          expect(response.status).toBe(200)
          expect(JSON.parse(text)).toEqual(withAlias(JSON.parse(replay.recording.text), replay.alias))
        })
      },
    )
  }

  recordedTest(replays, 'each recording belongs to exactly one kind', () => {
    const good = passthroughReplays.filter(isGood)
    const kinds = [isBinary, isStreamed, (replay: Replay) => !replay.recording.bytes && !replay.recording.isEventStream]
    for (const replay of good) expect(kinds.filter(kind => kind(replay))).toHaveLength(1)
    expect(good.length + passthroughReplays.filter(isRefused).length).toBe(passthroughReplays.length)
    expect(
      chatReplays.filter(chat => [isChatStream, isChatComplete, isChatError, isRefused].some(kind => kind(chat))),
    ).toEqual(chatReplays)
  })

  const isBinary = (replay: Replay) => !isChat(replay) && replay.recording.bytes !== undefined
  recordedTest(replays.filter(isBinary), `${countOf(isBinary)} audio answers pass byte for byte`, () => {
    checkEach(isBinary, ({ replay, response, bytes }) => {
      expect(response.headers.get('content-type')).toBe(
        Object.entries(replay.recording.headers).find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? null,
      )
      expect(Buffer.from(bytes).equals(Buffer.from(replay.recording.bytes!))).toBe(true)
    })
  })

  const isStreamed = (replay: Replay) => !isChat(replay) && isGood(replay) && replay.recording.isEventStream
  const hasChoices = ({ recording, path }: Replay) =>
    path === 'completions' &&
    recording.isEventStream &&
    chunksOf(recording.text).chunks.some(chunk => 'choices' in chunk)
  const isCompletionStream = (replay: Replay) => isStreamed(replay) && replay.stream && hasChoices(replay)
  recordedTest(
    replays.filter(isCompletionStream),
    `${countOf(isCompletionStream)} streamed completions have the same text and finish reason`,
    () => {
      checkEach(isCompletionStream, ({ replay, text }) => {
        expect(text).toEndWith('data: [DONE]\n\n')
        const choiceTexts = (events: Event[]) => {
          const chunks = events.filter(({ data }) => data !== '[DONE]').map(({ data }) => JSON.parse(data) as Fields)
          const all = chunks.flatMap(chunk => (chunk.choices as Fields[] | undefined) ?? [])
          const byIndex = new Map<unknown, { text: string; finish: unknown }>()
          for (const { index, text: delta, finish_reason: finish } of all) {
            const one = byIndex.get(index) ?? { text: '', finish: undefined }
            byIndex.set(index, { text: one.text + String(delta ?? ''), finish: finish ?? one.finish })
          }
          return [...byIndex].sort(([left], [right]) => Number(left) - Number(right))
        }
        expect(choiceTexts(eventsOf(text))).toEqual(choiceTexts(eventsOf(replay.recording.text)))
        for (const { data } of eventsOf(text))
          if (data !== '[DONE]') expect((JSON.parse(data) as Fields).model).toBe(replay.alias)
      })
    },
  )

  const isUnexpectedStream = (replay: Replay) =>
    isStreamed(replay) && replay.path === 'completions' && !isCompletionStream(replay)
  recordedTest(
    replays.filter(isUnexpectedStream),
    `${countOf(isUnexpectedStream)} streams that were not requested, or are not completions, are errors`,
    () => {
      checkEach(isUnexpectedStream, ({ response, text }) => {
        expect(response.status).toBe(502)
        expectError(JSON.parse(text))
      })
    },
  )

  const isNamedEventStream = (replay: Replay) => isStreamed(replay) && replay.path !== 'completions'
  recordedTest(
    replays.filter(isNamedEventStream),
    `${countOf(isNamedEventStream)} streams of named events pass event by event`,
    () => {
      checkEach(isNamedEventStream, ({ replay, text }) => {
        expect(eventsOf(text)).toEqual(eventsOf(replay.recording.text))
      })
    },
  )

  const isJsonPassthrough = (replay: Replay) => !isChat(replay) && !(replay.body instanceof FormData)
  recordedTest(
    replays.filter(isJsonPassthrough),
    `${countOf(isJsonPassthrough)} requests arrive as they were sent, except for the model and the usage option`,
    () => {
      checkEach(isJsonPassthrough, ({ replay, received: [first], response }) => {
        if (first === undefined) return expect([response.status, statusOf(replay)]).toEqual([400, 400])
        const expected: Fields = { ...(replay.body as Fields), model: replay.model }
        if (replay.stream && replay.path === 'completions')
          expected.stream_options = { ...(expected.stream_options as Fields), include_usage: true }
        expect(first.json()).toEqual(expected)
      })
    },
  )

  const isUpload = (replay: Replay) => replay.body instanceof FormData
  recordedTest(
    replays.filter(isUpload),
    `${countOf(isUpload)} uploads arrive complete, with the vendor's name of the model`,
    () => {
      checkEach(isUpload, ({ replay, received: [first] }) => {
        expect(first!.body).toContain(`name="model"\r\n\r\n${replay.model}\r\n`)
        expect(first!.bytes.includes(Buffer.from([82, 73, 70, 70, 0, 255, 13, 10]))).toBe(true)
      })
    },
  )
})
