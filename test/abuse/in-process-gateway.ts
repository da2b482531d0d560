/** A gateway in this process, whose vendors refuse every request: only the work on requests is measured. */
import { buildRuntime } from '../../src/cli/serve.ts'
import { loadText } from '../../src/config/load.ts'
import { createLongLivedState } from '../../src/gateway/runtime.ts'
import { createServer } from '../../src/server/server.ts'
import { createLog } from '../../src/telemetry/log.ts'

/** What the vendors answer, so that their refusal can be told from one of the gateway. */
export const vendorWord = 'the vendor was asked'

/** Model → service type: one for each protocol in which vendors are called, and one whose bodies are patched. */
export const vendors = {
  chat: 'vllm',
  messages: 'claude',
  google: 'gemini',
  converse: 'bedrock',
  responses: 'openai',
  patched: 'xinghuo',
} as const
export type Vendor = keyof typeof vendors

const unlimited = 1e9
/** Settings with limits that no request reaches, so that the work itself is seen to be linear. */
export const withoutLimits = {
  max_values: unlimited,
  max_items: Object.fromEntries(
    ['messages', 'tools', 'calls', 'stop_sequences', 'inputs', 'parts', 'form_fields', 'media'].map(kind => [
      kind,
      unlimited,
    ]),
  ),
}

/** A JSON Schema, as far as the document uses it. */
export type Schema = {
  type?: string
  const?: unknown
  enum?: unknown[]
  description?: string
  anyOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
}
type RequestDoc = { requestBody?: { content: Record<string, { schema: Schema }> } }
export type OpenApi = { paths: Record<string, { post?: RequestDoc }> }

export type InProcessGateway = AsyncDisposable & {
  /** Sends a request and returns the status and the text of the response. */
  send: (path: string, body: BodyInit, contentType?: string) => Promise<{ status: number; text: string }>
  /** The OpenAPI document. */
  document: () => Promise<OpenApi>
}

const serviceOf = (model: string, type: string, url: string) => ({
  id: model,
  enabled: true,
  models: [model],
  server_url: type === 'openai' ? `${url}/v1/responses` : url,
  credentials: { api_key: 'key-of-the-abuse-test', ...(type === 'bedrock' && { region: 'eu-west-1' }) },
  params: model === 'chat' ? { temperature: 1 } : {},
})

const textOf = (body: BodyInit): number =>
  typeof body === 'string' ? Buffer.byteLength(body) : (body as Uint8Array).byteLength

export const inProcessGateway = (settings: object = {}): InProcessGateway => {
  const upstream = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    fetch: () => Response.json({ error: { message: vendorWord } }, { status: 400 }),
  })
  const url = `http://127.0.0.1:${upstream.port}`
  const services: Record<string, object[]> = {}
  for (const [model, type] of Object.entries(vendors)) services[type] = [serviceOf(model, type, url)]
  const config = { services, max_body: '64MB', ...settings }
  const { compiled, problems } = loadText(JSON.stringify(config), {})
  if (!compiled) throw new Error(problems.map(({ message }) => message).join('\n'))
  const log = createLog(
    { write: () => undefined, isTerminal: false },
    { level: 'error', format: 'json', redact: text => text },
  )
  const state = createLongLivedState(log)
  const app = createServer({ runtime: buildRuntime(compiled, state), draining: false, idleTimeout: 120 })
  return {
    async send(path, body, contentType = 'application/json') {
      const headers = { 'content-type': contentType, 'content-length': String(textOf(body)), host: 'gateway' }
      const response = await app.handle(new Request(`http://gateway${path}`, { method: 'POST', body, headers }))
      return { status: response.status, text: await response.text() }
    },
    document: async () => (await app.handle(new Request('http://gateway/docs/json'))).json() as Promise<OpenApi>,
    async [Symbol.asyncDispose]() {
      await upstream.stop(true)
    },
  }
}
