/**
 * Signature V4 against the examples that AWS publishes, and a Bedrock request against the signature of AWS's Python
 * library.
 */
import { describe, expect, test } from 'bun:test'
import { RuntimeSecrets } from '../../../src/base/secrets/runtime-secrets.ts'
import type { Credential, Target } from '../../../src/providers/entry.ts'
import type { UpstreamRequest } from '../../../src/providers/provider.ts'
import { authorizationOf, canonicalRequest, signingKey, sigv4 } from '../../../src/providers/sign/sigv4.ts'

const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const scope = { service: 'service', region: 'us-east-1' }

/** Name in AWS's test suite → request → signature. */
const published: [
  name: string,
  method: string,
  url: string,
  headers: Record<string, string>,
  body: string,
  signature: string,
][] = [
  ['get-vanilla', 'GET', '/', {}, '', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
  ['post-vanilla', 'POST', '/', {}, '', '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
  [
    'post-vanilla-query',
    'POST',
    '/?Param1=value1',
    {},
    '',
    '28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11',
  ],
  [
    'get-vanilla-query-order-key-case',
    'GET',
    '/?Param2=value2&Param1=value1',
    {},
    '',
    'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  ],
  [
    'post-header-key-sort',
    'POST',
    '/',
    { 'my-header1': 'value1' },
    '',
    'c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c',
  ],
  [
    'post-x-www-form-urlencoded',
    'POST',
    '/',
    { 'content-type': 'application/x-www-form-urlencoded' },
    'Param1=value1',
    'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
  ],
]

describe('the examples that AWS publishes', () => {
  for (const [name, method, url, extraHeaders, body, signature] of published)
    test(name, () => {
      const headers = new Headers({ ...extraHeaders, 'x-amz-date': '20150830T123600Z' })
      const request = { method, url: `https://example.amazonaws.com${url}`, headers, body }
      const names = ['host', ...headers.keys()]
      const key = signingKey(secret, '20150830', scope)
      expect(authorizationOf(request, names, 'AKIDEXAMPLE', key, scope)).toBe(
        `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${[...names].sort().join(';')}, Signature=${signature}`,
      )
    })
})

const clock = () => new Date('2015-08-30T12:36:00Z')

const targetWith = (values: Record<string, string>): Target => {
  const credential: Credential = { index: 0, values, digest: '' }
  return { credential, model: 'm' } as unknown as Target
}

const model =
  'arn%3Aaws%3Abedrock%3Aeu-west-1%3A111122223333%3Ainference-profile%2Feu.anthropic.claude-haiku-4-5-20251001-v1%3A0'

const createRequest = (): UpstreamRequest => ({
  url: `https://bedrock-runtime.eu-west-1.amazonaws.com/model/${model}/converse-stream`,
  headers: new Headers({ 'content-type': 'application/json', accept: 'text/event-stream', 'user-agent': 'x' }),
  body: '{"messages":[{"role":"user","content":[{"text":"Grüße"}]}]}',
})

const sign = (values: Record<string, string>, request = createRequest()): UpstreamRequest => {
  void sigv4('bedrock', () => 'eu-west-1', clock)(request, targetWith(values), { secrets: new RuntimeSecrets() })
  return request
}

const credentials = { access_key: 'AKIDEXAMPLE', secret_key: secret }

describe('a request to Bedrock', () => {
  test("a request is signed as by AWS's library, with the path encoded twice and the exact UTF-8 body", () => {
    const { headers } = sign(credentials)
    expect(headers.get('authorization')).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-west-1/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=d20a70cd3e0d1996c6082de0a479144a75dfcaa4d0fa338d392e4aa956e3b678',
    )
    expect(headers.get('x-amz-date')).toBe('20150830T123600Z')
    expect(headers.has('x-amz-security-token')).toBe(false)
  })

  test('a session token is sent and signed', () => {
    const { headers } = sign({ ...credentials, session_token: 'session+token==' })
    expect(headers.get('x-amz-security-token')).toBe('session+token==')
    expect(headers.get('authorization')).toEndWith(
      'SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=8cc863c65e277951f8a8386dbd9de91dffd07c51486a4a26c84e0f0cd6f56998',
    )
  })

  test('a credential signs with the key of the day, the region and the service, whatever it signed before', () => {
    const signedWith = (target: Target, date: string, region: string, service: string) => {
      const request = createRequest()
      void sigv4(
        service,
        () => region,
        () => new Date(date),
      )(request, target, { secrets: new RuntimeSecrets() })
      return request.headers.get('authorization')
    }
    const reused = targetWith(credentials)
    for (const [date, region, service] of [
      ['2026-11-20T23:59:59Z', 'eu-west-1', 'bedrock'],
      ['2026-11-21T00:00:00Z', 'eu-west-1', 'bedrock'],
      ['2026-11-21T00:00:00Z', 'us-east-1', 'bedrock'],
      ['2026-11-21T00:00:00Z', 'us-east-1', 'sagemaker'],
      ['2026-11-20T23:59:59Z', 'eu-west-1', 'bedrock'],
    ] as const)
      expect(signedWith(reused, date, region, service)).toBe(signedWith(targetWith(credentials), date, region, service))
  })

  test('a body that is no text is sent as an unsigned payload', () => {
    const { headers } = sign(credentials, { ...createRequest(), body: undefined })
    expect(headers.get('x-amz-content-sha256')).toBe('UNSIGNED-PAYLOAD')
    expect(headers.get('authorization')).toContain(';x-amz-content-sha256;')
  })

  test('a secret that no header can carry is refused without revealing it', () => {
    expect(() => sign({ ...credentials, session_token: 'geheim\n' + 'x' + '\u0000' })).toThrow(
      'no HTTP header can carry',
    )
  })
})

test('reserved characters, empty path segments and query names with the same prefix are canonicalised', () => {
  const headers = new Headers({ 'x-amz-date': '20150830T123600Z' })
  const request = { method: 'GET', url: "https://h.example//a!'()*b/%20/?a-b=2&a=1&a=0&c", headers, body: '' }
  const [, path, query] = canonicalRequest(request, ['host']).split('\n')
  expect(path).toBe('/a%21%27%28%29%2Ab/%2520/')
  expect(query).toBe('a=0&a=1&a-b=2&c=')
})
