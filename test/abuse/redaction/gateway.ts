/** A gateway in this process, a vendor that answers as told, and what of both a client and the log get to see. */
import { generateKeyPairSync } from 'node:crypto'
import { buildRuntime } from '../../../src/cli/serve.ts'
import { loadText } from '../../../src/config/load.ts'
import { createLongLivedState } from '../../../src/gateway/runtime.ts'
import { createServer } from '../../../src/server/server.ts'
import { createLog } from '../../../src/telemetry/log.ts'
import type { VendorAnswer, Wire } from './places.ts'

/** Answers a request of the gateway. `secrets`: all that the request held to prove who sends it. */
export type Answer = (secrets: string[]) => VendorAnswer

/** A service of the gateway: the model that a client names, and the wires that its vendor speaks, by preference. */
export type Service = { model: string; wires: readonly Wire[] }

export const services: readonly Service[] = [
  { model: 'chat-model', wires: ['openai-chat', 'openai-responses', 'pass'] },
  { model: 'odd-model', wires: ['openai-chat', 'pass'] },
  { model: 'account-model', wires: ['openai-chat', 'pass'] },
  { model: 'header-model', wires: ['openai-chat'] },
  { model: 'claude-model', wires: ['anthropic'] },
  { model: 'gemini-model', wires: ['gemini'] },
  { model: 'amazon.nova-model', wires: ['bedrock-converse'] },
  { model: 'gemini-2.5-token', wires: ['gemini'] },
]

/** Paths of the openai-compatible services that only pass. */
export const passPaths = [
  'embeddings',
  'moderations',
  'images/generations',
  'rerank',
  'audio/speech',
  'audio/transcriptions',
  'my/custom',
]

const token = 'ya29.c0ASRK0Gd8Yq3vVh7LmNbPw2XzT4eJrUoKfS6aQiC1'
/** Characters that every encoding spells in its own way. */
const oddKey = 'k%41/"9&Zq<7+\\n3=w\'5~R.2x!B'

const configFor = (url: string) => {
  const base = { enabled: true }
  const open = { ...base, server_url: `${url}/v1`, speaks: ['openai-chat', ...passPaths] }
  const account = url.replace('//', '//gateway-user:p%40ss-Wq81-Zt@')
  const privateKey = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  })
  const serviceAccount = { client_email: 'a@b.c', private_key: privateKey, project_id: 'p', token_uri: `${url}/token` }
  return {
    log_level: 'debug',
    // Every case looks at one attempt.
    retry: { attempts: 1 },
    cooling: false,
    learn: false,
    circuit_breaker: { enabled: false },
    services: {
      openai: [
        {
          ...open,
          models: ['chat-model'],
          speaks: [...open.speaks, 'openai-responses'],
          credentials: { api_key: 'sk-proj-Zr8/Qk3+vN5_wB7-xT2=Yh' },
        },
        { ...open, models: ['odd-model'], credentials: { api_key: oddKey } },
        { ...open, models: ['account-model'], server_url: `${account}/v1?api-key=Vt6-Lm2_Hs9.Pd4&api-version=7` },
        { ...open, models: ['header-model'], headers: { 'X-Token': 'Hx7Kd2Rm9Tq4Vb1Nz8' } },
      ],
      claude: [
        { ...base, models: ['claude-model'], server_url: url, credentials: { api_key: 'sk-ant-api03-Wm4Xb9Tr2Lq7Zk' } },
      ],
      gemini: [
        { ...base, models: ['gemini-model'], server_url: url, credentials: { api_key: 'AIzaSyB7q-Kp3_Xw9Rt5Lm2Vh' } },
      ],
      bedrock: [
        {
          ...base,
          models: ['amazon.nova-model'],
          server_url: url,
          credentials: {
            access_key: 'AKIAQ7ZT3MKXW5RB',
            secret_key: 'wJalr/XUtn+FEMIK7MDENGbPxRfiCY',
            session_token: 'FwoGZXIvYXdzEJr//+session',
          },
        },
      ],
      vertexai: [{ ...base, models: ['gemini-2.5-token'], server_url: url, credentials: serviceAccount }],
    },
  }
}

/** The credentials of a request, as they stand there and without their scheme. */
const secretsOf = ({ url, headers }: Request): string[] => {
  const values = ['authorization', 'x-api-key', 'x-goog-api-key', 'x-token', 'x-amz-security-token'].flatMap(
    name => headers.get(name) ?? [],
  )
  const [, basic] = /^Basic (.+)/.exec(headers.get('authorization') ?? '') ?? []
  const account = basic === undefined ? [] : [atob(basic), atob(basic).split(':')[1]!]
  const query = new URL(url).searchParams.get('api-key')
  return [
    ...values.flatMap(value => /(?:^Bearer |Signature=)?([^ ]+)$/.exec(value)?.[1]?.replace(/^Signature=/, '') ?? []),
    ...account,
    ...(query === null ? [] : [query]),
  ]
}

export type Exchanged = { visible: string; log: string; secrets: string[] }

export const createGateway = () => {
  let answer: Answer = () => ({ body: '' })
  let secrets: string[] = []
  const assertions: string[] = []
  const vendor = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      if (request.url.endsWith('/token')) {
        assertions.push(new URLSearchParams(await request.text()).get('assertion') ?? '')
        return Response.json({ access_token: token, expires_in: 3600 })
      }
      await request.arrayBuffer()
      secrets = [...secretsOf(request), ...(request.headers.get('authorization')?.includes(token) ? assertions : [])]
      const { body, ...head } = answer(secrets)
      return new Response(body as BodyInit, head)
    },
  })
  const { compiled, problems } = loadText(JSON.stringify(configFor(`http://127.0.0.1:${vendor.port}`)), {})
  if (compiled === undefined) throw new Error(JSON.stringify(problems))
  const written: string[] = []
  const sink = { isTerminal: false, write: (text: string) => void written.push(text) }
  const log = createLog(sink, { level: 'debug', format: 'json', redact: text => text })
  const runtime = buildRuntime(compiled, createLongLivedState(log))
  log.configure({ level: 'debug', format: 'json', redact: runtime.redact })
  const app = createServer({ runtime, draining: false, idleTimeout: 120 })

  /** Sends one request to the gateway. `visible`: the status, headers and body that the client gets. */
  const exchange = async (path: string, init: RequestInit, answerWith: Answer): Promise<Exchanged> => {
    answer = answerWith
    secrets = []
    written.length = 0
    const response = await app.handle(new Request(`http://localhost${path}`, { method: 'POST', ...init }))
    const text = await response.text().catch(String)
    log.flush()
    const headers = [...response.headers].map(([name, value]) => `${name}: ${value}\n`).join('')
    return { visible: `${response.status}\n${headers}\n${text}`, log: written.join(''), secrets }
  }
  return { exchange, log, stop: () => vendor.stop(true) }
}
