/**
 * A vendor whose model uses a tool twice and then reports its output, over Chat Completions and Gemini's
 * generateContent. It chooses among the tools that the agent offers.
 */

/** The commands that the model wants to run, in turn. */
const commands = ['echo first-$((20+1))', 'echo second-$((20+2))']

type Tool = { name: string; schema: { properties?: Record<string, { type?: string | string[] }>; required?: string[] } }
type ModelOutput = { text: string } | { call: string; args: Record<string, unknown> }

/** The names of the tools in Claude Code and Codex that run a command. */
const shellTools = ['Bash', 'shell', 'shell_command', 'exec_command', 'local_shell']

const argsFor = (tool: Tool, command: string): Record<string, unknown> => {
  const { properties = {} } = tool.schema
  if ('cmd' in properties) return { cmd: command }
  const isList = properties['command']?.type === 'array'
  const args: Record<string, unknown> = { command: isList ? ['bash', '-lc', command] : command }
  if ('description' in properties) args['description'] = 'Say a word'
  return args
}

/** `results`: the tool results so far. */
const nextOutput = (tools: Tool[], results: string[]): ModelOutput => {
  const shell = shellTools.map(name => tools.find(tool => tool.name === name)).find(tool => tool !== undefined)
  const command = commands[results.length]
  if (shell === undefined || command === undefined)
    return { text: `The tool said: ${results.join(' and ') || 'nothing'}.` }
  return { call: shell.name, args: argsFor(shell, command) }
}

const commandOutputIn = (text: string): string => /(?:first|second)-2[12]/.exec(text)?.[0] ?? text.slice(0, 200)

type ChatBody = {
  stream?: boolean
  tools?: { function: { name: string; parameters: Tool['schema'] } }[]
  messages: { role: string; content: unknown }[]
}

const chat = (body: ChatBody): Response => {
  const tools = (body.tools ?? []).map(({ function: { name, parameters } }) => ({ name, schema: parameters ?? {} }))
  const results = body.messages
    .filter(({ role }) => role === 'tool')
    .map(({ content }) => commandOutputIn(JSON.stringify(content)))
  const output = nextOutput(tools, results)
  const usage = { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 }
  const envelope = { id: 'chatcmpl-agents', created: 1_750_000_000, model: 'scripted' }
  const call = 'call' in output && {
    id: `call_${results.length}_${crypto.randomUUID().slice(0, 8)}`,
    type: 'function',
    function: { name: output.call, arguments: JSON.stringify(output.args) },
  }
  const finish = call ? 'tool_calls' : 'stop'
  const message = {
    role: 'assistant',
    content: 'text' in output ? output.text : null,
    ...(call && { tool_calls: [call] }),
  }
  if (!body.stream)
    return Response.json({
      ...envelope,
      object: 'chat.completion',
      choices: [{ index: 0, message, finish_reason: finish }],
      usage,
    })
  const delta = call ? { role: 'assistant', tool_calls: [{ index: 0, ...call }] } : message
  const chunks = [
    { choices: [{ index: 0, delta, finish_reason: null }] },
    { choices: [{ index: 0, delta: {}, finish_reason: finish }] },
    { choices: [], usage },
  ]
  return events([
    ...chunks.map(chunk => JSON.stringify({ ...envelope, object: 'chat.completion.chunk', ...chunk })),
    '[DONE]',
  ])
}

type GeminiPart = { text?: string; functionResponse?: { response: unknown } }
type GeminiBody = {
  contents: { role: string; parts: GeminiPart[] }[]
  tools?: {
    functionDeclarations?: { name: string; parametersJsonSchema?: Tool['schema']; parameters?: Tool['schema'] }[]
  }[]
}

const gemini = (body: GeminiBody, stream: boolean): Response => {
  const tools = (body.tools ?? [])
    .flatMap(({ functionDeclarations = [] }) => functionDeclarations)
    .map(({ name, parametersJsonSchema, parameters }) => ({ name, schema: parametersJsonSchema ?? parameters ?? {} }))
  const results = body.contents
    .flatMap(({ parts }) => parts)
    .flatMap(({ functionResponse }) =>
      functionResponse ? [commandOutputIn(JSON.stringify(functionResponse.response))] : [],
    )
  const output = nextOutput(tools, results)
  const part =
    'text' in output
      ? { text: output.text }
      : {
          functionCall: { name: output.call, args: output.args },
          thoughtSignature: Buffer.from(`signed ${results.length}`).toString('base64'),
        }
  const answer = {
    candidates: [{ content: { role: 'model', parts: [part] }, finishReason: 'STOP', index: 0 }],
    usageMetadata: { promptTokenCount: 100, candidatesTokenCount: 10, totalTokenCount: 110 },
    modelVersion: 'scripted',
    responseId: 'agents',
  }
  return stream ? events([JSON.stringify(answer)]) : Response.json(answer)
}

const events = (frames: string[]): Response =>
  new Response(frames.map(frame => `data: ${frame}\n\n`).join(''), { headers: { 'content-type': 'text/event-stream' } })

export type ReceivedRequest = { path: string; body: unknown }

/** Serves both protocols on one port. `requests` collects every request. */
export const startModel = () => {
  const requests: ReceivedRequest[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const { pathname } = new URL(request.url)
      const body = (await request.json()) as never
      requests.push({ path: pathname, body })
      return pathname.includes(':') ? gemini(body, pathname.includes('stream')) : chat(body)
    },
  })
  return { url: `http://127.0.0.1:${server.port}`, requests, stop: () => server.stop(true) }
}
