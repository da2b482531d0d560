/** Google Cloud: credentials, the lifetime of tokens, and the URL of each model. */
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createVerify, generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GatewayError } from '../../../src/base/errors.ts'
import type { JsonObject } from '../../../src/base/json/json.ts'
import { RuntimeSecrets } from '../../../src/base/secrets/runtime-secrets.ts'
import { loadText } from '../../../src/config/load.ts'
import type { Target } from '../../../src/providers/entry.ts'
import type { AccessToken } from '../../../src/providers/provider.ts'
import { credentialsOf, supportsProtocol, urlOf } from '../../../src/providers/resolve-url.ts'
import { google } from '../../../src/providers/sign/google.ts'
import { readCredential } from '../../../src/providers/sign/google-credential.ts'
import { createTokenCache, requestGoogleToken } from '../../../src/providers/sign/google-token.ts'
import vertexai from '../../../src/providers/vendors/vertexai.ts'
import { createProxies } from '../../../src/upstream/connection/proxy.ts'
import { createTokenFetch } from '../../../src/upstream/connection/token-fetch.ts'
import { entryOf, targetOf } from '../../contracts/provider.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const pair = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
})

type TokenServerRequest = { path: string; form: URLSearchParams; body: string; headers: Headers }
const requests: TokenServerRequest[] = []
let respond: (request: TokenServerRequest) => Response | Promise<Response>
let issuedTokens = 0
const tokenResponse = (seconds = 3600) =>
  Response.json({ access_token: `token-${++issuedTokens}`, expires_in: seconds })

const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: async request => {
    const body = await request.text()
    const { pathname, search } = new URL(request.url)
    const received = { path: pathname + search, form: new URLSearchParams(body), body, headers: request.headers }
    requests.push(received)
    return respond(received)
  },
})
const serverAddress = `http://127.0.0.1:${server.port}`
const folder = tempFolder()
afterAll(async () => {
  await server.stop(true)
})

const names = ['GOOGLE_APPLICATION_CREDENTIALS', 'CLOUDSDK_CONFIG', 'GCE_METADATA_HOST'] as const
const savedEnvironment = Object.fromEntries(names.map(name => [name, process.env[name]]))
beforeEach(() => {
  requests.length = 0
  issuedTokens = 0
  respond = () => tokenResponse()
  for (const name of names) delete process.env[name]
  process.env['CLOUDSDK_CONFIG'] = join(folder, 'nothing')
})
afterEach(() => {
  for (const name of names)
    if (savedEnvironment[name] === undefined) delete process.env[name]
    else process.env[name] = savedEnvironment[name]
})

const serviceAccount = {
  type: 'service_account',
  project_id: 'from-file',
  private_key_id: 'key-7',
  private_key: pair.privateKey,
  client_email: 'robot@from-file.iam.gserviceaccount.com',
  client_id: '1234',
  token_uri: `${serverAddress}/token`,
}
const userCredential = {
  type: 'authorized_user',
  client_id: 'program',
  client_secret: 'program-SECRET',
  refresh_token: 'refresh-SECRET',
  token_uri: `${serverAddress}/token`,
  quota_project_id: 'payer',
}

const write = async (name: string, content: unknown): Promise<string> => {
  const path = join(folder, name)
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

const targetWith = (values: Record<string, string>, model = 'gemini-2.5-flash'): Target =>
  targetOf(entryOf('vertexai'), model, values)

const fetchToken = createTokenFetch(createProxies())

const signed = async (target: Target, fetchBy = fetchToken) => {
  const request = { url: urlOf(target, 'gemini'), headers: new Headers(), body: '{}' }
  await google(request, target, fetchBy)
  return { url: request.url, headers: Object.fromEntries(request.headers) }
}

const signingError = async (target: Target): Promise<GatewayError> => {
  const thrown: unknown = await signed(target).then(
    () => 'nothing thrown',
    error => error,
  )
  expect(thrown).toBeInstanceOf(GatewayError)
  const { message, detail } = thrown as GatewayError
  expect(detail.unsent).toBe(true)
  expect(message + JSON.stringify(detail)).not.toMatch(/SECRET|BEGIN|127\.0\.0\.1|google-/)
  return thrown as GatewayError
}

const parseAssertion = (assertion: string) => {
  const [header = '', claims = '', signature = ''] = assertion.split('.')
  const verify = createVerify('RSA-SHA256').update(`${header}.${claims}`)
  const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as JsonObject
  return { header: read(header), claims: read(claims), isValid: verify.verify(pair.publicKey, signature, 'base64url') }
}

describe('Google credentials', () => {
  test('a service account works as text, as a path, as single fields, and with escaped line breaks', async () => {
    const path = await write('account.json', serviceAccount)
    const { type: _, ...written } = serviceAccount
    const escaped = { ...written, private_key: serviceAccount.private_key.replaceAll('\n', '\\n') }
    for (const values of [{ json_file: JSON.stringify(serviceAccount) }, { json_file: path }, written, escaped]) {
      requests.length = 0
      const { headers } = await signed(targetWith(values))
      expect(headers).toEqual({ authorization: `Bearer token-${issuedTokens}` })
      const [{ path: requestPath, form }] = requests as [TokenServerRequest]
      expect([requestPath, form.get('grant_type')]).toEqual(['/token', 'urn:ietf:params:oauth:grant-type:jwt-bearer'])
      const { header, claims, isValid } = parseAssertion(form.get('assertion')!)
      expect(isValid).toBe(true)
      expect(header).toEqual({ alg: 'RS256', typ: 'JWT', kid: 'key-7' })
      expect(claims).toMatchObject({
        iss: serviceAccount.client_email,
        aud: `${serverAddress}/token`,
        scope: 'https://www.googleapis.com/auth/cloud-platform',
      })
      expect(Number(claims['exp']) - Number(claims['iat'])).toBe(3600)
      expect(Math.abs(Number(claims['iat']) - Date.now() / 1000)).toBeLessThan(60)
    }
  })

  test('a refresh token gives a token, and the quota project is sent', async () => {
    const { type: _, ...written } = userCredential
    const { headers } = await signed(targetWith({ project_id: 'p', ...written }))
    expect(headers).toEqual({ authorization: 'Bearer token-1', 'x-goog-user-project': 'payer' })
    expect(Object.fromEntries(requests[0]!.form)).toEqual({
      grant_type: 'refresh_token',
      client_id: 'program',
      client_secret: 'program-SECRET',
      refresh_token: 'refresh-SECRET',
    })
  })

  test('a project alone uses the file of the environment, then that of gcloud, then the metadata server', async () => {
    process.env['GOOGLE_APPLICATION_CREDENTIALS'] = await write('adc.json', serviceAccount)
    await signed(targetWith({ project_id: 'p' }))
    expect(requests[0]!.form.has('assertion')).toBe(true)

    delete process.env['GOOGLE_APPLICATION_CREDENTIALS']
    process.env['CLOUDSDK_CONFIG'] = folder
    await write('application_default_credentials.json', userCredential)
    await signed(targetWith({ project_id: 'p' }))
    expect(requests[1]!.form.get('grant_type')).toBe('refresh_token')

    process.env['CLOUDSDK_CONFIG'] = join(folder, 'nothing')
    process.env['GCE_METADATA_HOST'] = serverAddress.slice('http://'.length)
    requests.length = 0
    respond = ({ path }) => (path.includes('project-id') ? new Response('of-machine') : tokenResponse())
    expect((await signed(targetWith({ project_id: '-' }))).url).toContain('/projects/of-machine/')
    expect(requests.map(({ path }) => path.split('?')[0]).sort()).toEqual([
      '/computeMetadata/v1/instance/service-accounts/default/token',
      '/computeMetadata/v1/project/project-id',
    ])
    for (const { headers } of requests) expect(headers.get('metadata-flavor')).toBe('Google')
  })

  test('an impersonated service account gets a token', async () => {
    const file = {
      type: 'impersonated_service_account',
      service_account_impersonation_url: `${serverAddress}/impersonate`,
      delegates: ['d'],
      source_credentials: userCredential,
    }
    const until = new Date(Date.now() + 3600_000).toISOString()
    respond = ({ path }) =>
      path === '/token' ? tokenResponse() : Response.json({ accessToken: 'borrowed', expireTime: until })
    const { headers } = await signed(targetWith({ project_id: 'p', json_file: JSON.stringify(file) }))
    expect(headers['authorization']).toBe('Bearer borrowed')
    expect(requests[1]!.headers.get('authorization')).toBe('Bearer token-1')
    expect(JSON.parse(requests[1]!.body)).toMatchObject({ delegates: ['d'], lifetime: '3600s' })
  })

  test('an API key is sent in its own header without a token request', async () => {
    const { url, headers } = await signed(targetWith({ api_key: 'express' }))
    expect(headers).toEqual({ 'x-goog-api-key': 'express' })
    expect(url).toBe('https://aiplatform.googleapis.com/v1/publishers/google/models/gemini-2.5-flash:generateContent')
    expect(requests).toEqual([])
  })

  test('the project of the credential file is used if none is configured', async () => {
    const { url } = await signed(targetWith({ json_file: JSON.stringify(serviceAccount) }))
    expect(url).toContain('/projects/from-file/locations/global/')
    const withoutProject = { ...serviceAccount, project_id: undefined }
    expect((await signingError(targetWith({ json_file: JSON.stringify(withoutProject) }))).message).toContain(
      'write project_id',
    )
  })
})

describe('errors contain no secret', () => {
  test.each([
    [{ json_file: '/no/such/google-file.json' }, 'cannot be read (ENOENT)'],
    [{ json_file: '{"private_key": "SECRET"' }, 'is no JSON object'],
    [{ json_file: '{"type":"external_account"}' }, 'of the type external_account is not known'],
    [{ json_file: '{"type":"service_account","client_email":"e"}' }, 'has no private_key'],
    [{ private_key: 'SECRET', client_email: 'e' }, 'private key of the Google credential cannot be read'],
    [{ private_key: 'SECRET' }, 'has no client_email'],
    [{ refresh_token: 'SECRET' }, 'has no client_id'],
  ])('the credential %j is refused', async (values: Record<string, string>, message) => {
    const error = await signingError(targetWith({ project_id: 'p', ...values }))
    expect([error.code, error.message]).toEqual(['upstream_credentials', expect.stringContaining(message)])
    expect(requests).toEqual([])
  })

  const userTarget = () => targetWith({ project_id: 'p', json_file: JSON.stringify(userCredential) })

  test('a refusal by Google is an error of the credential', async () => {
    respond = () => Response.json({ error: 'invalid_grant', error_description: 'SECRET' }, { status: 400 })
    const error = await signingError(userTarget())
    expect([error.code, error.message]).toEqual([
      'upstream_credentials',
      'Google refuses the configured credential (invalid_grant)',
    ])
  })

  test('server errors, invalid responses, redirects and an unreachable server are reported', async () => {
    const answers = [
      () => new Response('SECRET', { status: 503 }),
      () => new Response('<html>SECRET</html>'),
      () => Response.json({ token: 'SECRET' }),
    ]
    for (const one of answers) {
      respond = one
      expect((await signingError(userTarget())).code).toBe('upstream_failed')
    }
    respond = () => Response.redirect(`${serverAddress}/elsewhere`)
    expect((await signingError(userTarget())).code).toBe('upstream_credentials')
    expect(requests.some(({ path }) => path === '/elsewhere')).toBe(false)
    const unreachable = { ...userCredential, token_uri: 'http://127.0.0.1:1/token' }
    expect((await signingError(targetWith({ project_id: 'p', json_file: JSON.stringify(unreachable) }))).code).toBe(
      'upstream_failed',
    )
  })

  test('after a failure the next request fetches a token again', async () => {
    const target = userTarget()
    respond = () => new Response('', { status: 500 })
    await signingError(target)
    respond = () => tokenResponse()
    expect((await signed(target)).headers['authorization']).toBe('Bearer token-1')
  })

  test('no credential file and no metadata server is an error of the credential', async () => {
    process.env['GCE_METADATA_HOST'] = '127.0.0.1:1'
    const error = await signingError(targetWith({ project_id: 'p' }))
    expect([error.code, error.message]).toEqual([
      'upstream_credentials',
      expect.stringContaining('no Google credential'),
    ])
  })
})

describe('the token cache', () => {
  test('concurrent requests share one token fetch, and the token is cached', async () => {
    respond = async () => {
      await Bun.sleep(20)
      return tokenResponse()
    }
    const target = targetWith({ project_id: 'p', json_file: JSON.stringify(userCredential) })
    await Promise.all(Array.from({ length: 20 }, () => signed(target)))
    expect(requests.length).toBe(1)
    expect((await signed(target)).headers['authorization']).toBe('Bearer token-1')
    expect(requests.length).toBe(1)
    await signed(targetWith({ project_id: 'p', json_file: JSON.stringify(userCredential) }))
    expect(requests.length).toBe(2)
  })

  test('tokens belong to the token fetch that obtained them, and not to the process', async () => {
    const target = targetWith({ project_id: 'p', json_file: JSON.stringify(userCredential) })
    await signed(target)
    const other = createTokenFetch(createProxies())
    expect((await signed(target, other)).headers['authorization']).toBe('Bearer token-2')
    expect((await signed(target)).headers['authorization']).toBe('Bearer token-1')
    expect(requests.length).toBe(2)
  })

  const minute = 60_000
  const createFakeCache = () => {
    let time = 1_000_000
    let fetches = 0
    const get = createTokenCache(() => time)
    const renew = async (): Promise<AccessToken> => ({ value: `t${++fetches}`, expiresAt: time + 60 * minute })
    const broken = async (): Promise<AccessToken> => {
      fetches++
      throw new Error('no')
    }
    return {
      get,
      renew,
      broken,
      advance: (by: number) => {
        time += by
      },
      fetches: () => fetches,
    }
  }

  test('a token is renewed in the background from five minutes before its expiry', async () => {
    const { get, renew, advance, fetches } = createFakeCache()
    await get(renew)
    advance(54 * minute)
    expect([(await get(renew)).value, fetches()]).toEqual(['t1', 1])
    advance(1.5 * minute)
    const [first, second] = await Promise.all([get(renew), get(renew)])
    expect([first.value, second.value, fetches()]).toEqual(['t1', 't1', 2])
    await Bun.sleep(0)
    expect((await get(renew)).value).toBe('t2')
  })

  test('a token that cannot be renewed is used until its expiry, with retries, and then the error is reported', async () => {
    const { get, renew, broken, advance, fetches } = createFakeCache()
    await get(renew)
    advance(56 * minute)
    for (let turn = 0; turn < 10; turn++) {
      expect((await get(broken)).value).toBe('t1')
      await Bun.sleep(0)
    }
    expect(fetches()).toBe(2)
    advance(10_000)
    get(broken)
    await Bun.sleep(0)
    expect(fetches()).toBe(3)
    advance(5 * minute)
    await expect(get(broken)).rejects.toThrow('no')
    await Bun.sleep(0)
    expect((await get(renew)).value).toBe('t5')
  })

  test('a token of the metadata server is requested without a proxy', async () => {
    const metadataFlags: boolean[] = []
    const send = async (_: string, __: RequestInit, isMetadata: boolean) => {
      metadataFlags.push(isMetadata)
      return Response.json({ access_token: 'm', expires_in: 100 })
    }
    const credential = await readCredential({ project_id: 'p' }, { CLOUDSDK_CONFIG: join(folder, 'nothing') })
    expect(credential).toEqual({ type: 'machine', address: 'http://metadata.google.internal' })
    // Without a HOME, the user's folder is found by other means.
    const elsewhere = await readCredential({ project_id: 'p' }, {})
    expect(['machine', 'authorized_user', 'service_account']).toContain(elsewhere.type)
    expect((await requestGoogleToken(credential, send, new RuntimeSecrets())).value).toBe('m')
    expect(metadataFlags).toEqual([true, true])
  })
})

describe('the URL of a model', () => {
  const streaming = { stream: true }
  const project = (location?: string) => ({ project_id: 'my-project', ...(location && { location }) })
  const root = 'https://aiplatform.googleapis.com/v1/projects/my-project/locations/global'

  test('Gemini, tuned models, Claude and models of other vendors have different URLs', () => {
    const url = (model: string, protocol: string, options = { stream: false }) =>
      urlOf(targetWith(project(), model), protocol, options)
    const google = `${root}/publishers/google/models`
    const anthropic = `${root}/publishers/anthropic/models`
    expect(url('gemini-2.5-pro', 'gemini')).toBe(`${google}/gemini-2.5-pro:generateContent`)
    expect(url('gemini-2.5-pro', 'gemini', streaming)).toBe(`${google}/gemini-2.5-pro:streamGenerateContent?alt=sse`)
    expect(url('12345', 'gemini')).toBe(`${root}/endpoints/12345:generateContent`)
    expect(url('claude-opus-4-5@20251101', 'anthropic')).toBe(`${anthropic}/claude-opus-4-5%4020251101:rawPredict`)
    expect(url('claude-opus-4-5@20251101', 'anthropic', streaming)).toEndWith('%4020251101:streamRawPredict')
    expect(url('meta/llama-3.3-70b-instruct-maas', 'openai-chat')).toBe(`${root}/endpoints/openapi/chat/completions`)
    expect(() => url('..', 'gemini')).toThrow('does not exist')
  })

  test.each([
    ['us-east5', 'us-east5-aiplatform.googleapis.com'],
    ['eu', 'aiplatform.eu.rep.googleapis.com'],
    ['us', 'aiplatform.us.rep.googleapis.com'],
    ['global', 'aiplatform.googleapis.com'],
  ])('a model in the location %s is on the host %s', (location, host) =>
    expect(urlOf(targetWith(project(location)), 'gemini')).toStartWith(
      `https://${host}/v1/projects/my-project/locations/${location}/publishers/`,
    ),
  )

  test('a configured server_url replaces the host', () => {
    const url = (serverUrl: string) =>
      urlOf(targetOf(entryOf('vertexai', { serverUrl }), 'gemini-x', project()), 'gemini', streaming)
    const rest = '/projects/my-project/locations/global/publishers/google/models/gemini-x:streamGenerateContent?alt=sse'
    expect(url('http://127.0.0.1:8080')).toBe(`http://127.0.0.1:8080/v1${rest}`)
    expect(url('https://front.example/google/v1beta1?team=a')).toBe(
      `https://front.example/google/v1beta1${rest}&team=a`,
    )
  })

  test('a model uses the protocol of its vendor', () => {
    const { protocolsFor } = vertexai
    const protocols = ['gemini-2.5-flash', 'text-bison', '123', 'claude-sonnet-4-5@20250929', 'qwen/qwen3'].map(model =>
      protocolsFor!(model)?.join(),
    )
    const [google, claude] = ['gemini,gemini/countTokens', 'anthropic,anthropic/count_tokens']
    expect(protocols).toEqual([google, google, google, claude, 'openai-chat'])
    const entry = entryOf('vertexai')
    expect(supportsProtocol(entry, 'embeddings', 'claude-x')).toBe(false)
    expect(supportsProtocol(entry, 'openai-chat', 'qwen/qwen3')).toBe(true)
  })

  test('Claude gets the API version in the body and no model', () => {
    const body: JsonObject = { model: 'claude', max_tokens: 5, messages: [] }
    expect(vertexai.patchTopLevel!['anthropic']!(body, () => undefined, targetWith({}))).toEqual({
      model: undefined,
      anthropic_version: 'vertex-2023-10-16',
    })
  })
})

describe('the Vertex AI configuration', () => {
  const problems = (credentials: object) => {
    const entry = { enabled: true, models: ['gemini-2.5-flash'], credentials }
    const loaded = loadText(JSON.stringify({ services: { vertexai: [entry] } }), {})
    return loaded.problems.filter(({ level }) => level !== 'note').map(({ path, message }) => `${path}: ${message}`)
  }

  test('every form of credentials is valid, including that of simple-one-api', () => {
    const { type: _, ...written } = serviceAccount
    for (const credentials of [
      { project_id: 'p', location: 'us-central1', json_file: 'key.json' },
      { json_file: JSON.stringify(serviceAccount) },
      { project_id: 'p' },
      { api_key: 'k' },
      { ...written, location: 'eu' },
      { project_id: 'p', client_id: 'i', client_secret: 's', refresh_token: 'r' },
    ])
      expect(problems(credentials)).toEqual([])
  })

  test('credentials without any identity are refused', () => {
    expect(problems({ location: 'eu' })).toEqual(['services.vertexai[0].credentials.project_id: required'])
    expect(credentialsOf(entryOf('vertexai'))).toEqual(['project_id'])
  })

  test('a key in the configuration is a secret, and a name is not', () => {
    const { type: _, ...written } = serviceAccount
    const entry = { enabled: true, models: ['m'], credentials: { ...written, ...userCredential } }
    const { compiled } = loadText(JSON.stringify({ services: { vertexai: [entry] } }), {})
    expect(compiled!.secrets).toContain('refresh-SECRET')
    expect(compiled!.secrets).toContain('program-SECRET')
    expect(compiled!.secrets.some(secret => secret.includes('PRIVATE KEY'))).toBe(true)
    expect(compiled!.secrets).not.toContain(serviceAccount.client_email)
  })
})
