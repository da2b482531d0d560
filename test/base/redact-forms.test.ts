/** Each encoding of a configured secret, each kind of key and each signing parameter that is redacted. */
import { describe, expect, test } from 'bun:test'
import { createRedact, mayHoldKey, redactKeyLike } from '../../src/base/redact.ts'

describe('a configured secret', () => {
  /** Every encoding of it differs from every other one. */
  const secret = 'schlüssel /+?&="\\x'
  const redact = createRedact([secret])

  test.each([
    ['as it is', 'schlüssel /+?&="\\x'],
    ['in JSON', 'schlüssel /+?&=\\"\\\\x'],
    ['in JSON that escapes the slash', 'schlüssel \\/+?&=\\"\\\\x'],
    ['in JSON that escapes letters', 'schl\\u00fcssel /+?&=\\"\\\\x'],
    ['in JSON that escapes letters in upper case', 'schl\\u00FCssel \\/+?\\u0026=\\u0022\\u005Cx'],
    ['after encodeURIComponent', 'schl%C3%BCssel%20%2F%2B%3F%26%3D%22%5Cx'],
    ['after encodeURI', 'schl%C3%BCssel%20/+?&=%22%5Cx'],
    ['in base64', 'c2NobMO8c3NlbCAvKz8mPSJceA=='],
    ['in base64 without padding', 'c2NobMO8c3NlbCAvKz8mPSJceA'],
  ])('is redacted %s', (_form, spelling) => {
    const text = redact(`before ${spelling} after ${spelling}`)
    expect(text).toMatch(/^before •••(==)? after •••(==)?$/)
  })

  test('is redacted before a shorter secret that it begins with', () => {
    expect(createRedact(['abcd', 'abcdefgh'])('abcdefgh and abcd')).toBe('••• and •••')
    expect(createRedact(['abcdefgh', 'abcd'])('abcdefgh and abcd')).toBe('••• and •••')
  })

  test('may hold any character of a pattern', () => {
    for (const character of '.*+?^${}()|[]\\') {
      const name = `a${character}bc`
      expect(createRedact([name])(`${name} aabc axbc abc`)).toBe('••• aabc axbc abc')
    }
  })

  test('is found in JSON inside JSON', () => {
    expect(createRedact(['abcd'])(String.raw`{"a":"\u0061bcd"}`)).toBe('{"a":"•••"}')
    expect(createRedact(['abcd'])(String.raw`{"a":"\\u0061bcd"}`)).toBe('{"a":"•••"}')
    const nested = (value: string) => JSON.stringify({ a: JSON.stringify({ b: value }) })
    expect(createRedact(['abcd'])(nested('\\u0061bcd'))).toBe(nested('•••'))
  })

  test('of a word is only replaced in its own case', () => {
    expect(createRedact(['canaryword'])('CANARYWORD canaryword')).toBe('CANARYWORD •••')
  })

  test.each(['abcd', '12345678901', 'canaryword'])(
    'that could be a word, %s, is only replaced as a whole word',
    word => {
      const redact = createRedact([word])
      for (const text of [`x${word}`, `${word}s`, `${word}1`, Buffer.from(word).toString('base64')])
        expect(redact(text)).toBe(text)
      for (const mark of [' ', '"', '/', '-', '_', 'é', '%20', '\\n'])
        expect(redact(`${mark}${word}${mark}`)).toBe(`${mark}•••${mark}`)
    },
  )

  test('of three characters is never replaced', () => {
    expect(createRedact(['k-1'])('k-1')).toBe('k-1')
  })

  test('that seems to begin with the letter of an escape leaves JSON that can be parsed', () => {
    const redact = createRedact(['n-0123456789', 'ends-in-backslash\\'])
    expect(JSON.parse(redact(JSON.stringify('line\n-0123456789')))).toBe('line•••')
    expect(JSON.parse(redact(JSON.stringify('"ends-in-backslash\\"')))).toBe('"•••"')
  })

  test('leaves a text without secrets as it is', () => {
    for (const text of ['plain', 'caf\\u00e9 \\/ \\n', '"\\u0041"']) expect(redact(text)).toBe(text)
    expect(createRedact([])('anything')).toBe('anything')
  })

  test('beside an escaped quote, backslash or line break leaves JSON that can be parsed', () => {
    const body = `{"a":"\\u0022\\u005c\\u000a\\n\\/ ${secret.replaceAll('\\', '\\\\').replaceAll('"', '\\u0022')}"}`
    expect(JSON.parse(redact(body))).toEqual({ a: '"\\\n\n/ •••' })
  })
})

describe('text that looks like a key', () => {
  // The prefixes of OpenAI, Anthropic and DeepSeek (sk), Groq, xAI, NVIDIA, Perplexity, Replicate and Hugging Face.
  test.each([
    'sk-0123456789',
    'sk-ant-api03-0123',
    'sk_live_01234567',
    'gsk_0123456789',
    'xai-0123456789',
    'nvapi-0123456789',
    'pplx-0123456789',
    'r8_0123456789',
    'hf_0123456789',
    'sk-ab…wxyz0123',
    'sk-ab.wxyz0123',
    'sk-ab_wx-yz',
  ])('%s is redacted', key => {
    expect(mayHoldKey(`the key ${key} is wrong`)).toBe(true)
    expect(redactKeyLike(`the key ${key}, is wrong`)).toBe('the key ***, is wrong')
  })

  test.each(['sk-1234567', 'task-force-one-two', 'skill-0123456789', 'hf0123456789', 'abc-0123456789', 'r8'])(
    '%s is a word',
    word => {
      expect(mayHoldKey(`the ${word} is`)).toBe(false)
      expect(redactKeyLike(`the ${word} is`)).toBe(`the ${word} is`)
    },
  )

  test('a word that a vendor masked is redacted', () => {
    expect(mayHoldKey('key ab***yz')).toBe(true)
    expect(redactKeyLike('key ab***yz and **bold**')).toBe('key *** and **bold**')
  })

  test.each([...' "\'`,;:<>()[]{}\\'])('a key ends at %j', mark => {
    expect(redactKeyLike(`a${mark}sk-0123456789${mark}b`)).toBe(`a${mark}***${mark}b`)
  })
})

describe('a signed URL', () => {
  // The documentation of each: AWS SigV4 and its older form, Google Cloud Storage V4 and V2, Azure SAS, Alibaba OSS V4
  // and V1, Tencent COS, Volcengine TOS, Baidu BCE, Huawei OBS.
  test.each([
    ['AWS', 'X-Amz-Signature'],
    ['AWS', 'X-Amz-Credential'],
    ['AWS', 'X-Amz-Security-Token'],
    ['AWS, version 2', 'AWSAccessKeyId'],
    ['AWS, version 2', 'Signature'],
    ['Google', 'X-Goog-Signature'],
    ['Google', 'X-Goog-Credential'],
    ['Google', 'x-goog-security-token'],
    ['Google, version 2', 'GoogleAccessId'],
    ['Azure', 'sig'],
    ['Alibaba', 'x-oss-signature'],
    ['Alibaba', 'x-oss-credential'],
    ['Alibaba', 'x-oss-security-token'],
    ['Alibaba, version 1', 'OSSAccessKeyId'],
    ['Tencent', 'x-cos-security-token'],
    ['Tencent', 'q-signature'],
    ['Tencent', 'q-ak'],
    ['Volcengine', 'X-Tos-Signature'],
    ['Volcengine', 'X-Tos-Credential'],
    ['Volcengine', 'X-Tos-Security-Token'],
    ['Baidu', 'x-bce-security-token'],
    ['Huawei', 'x-obs-security-token'],
    ['Huawei', 'AccessKeyId'],
    ['Huawei', 'OBSAccessKeyId'],
  ])('of %s loses its query, which holds %s', (_vendor, parameter) => {
    for (const query of [`?${parameter}=abc`, `?a=b&${parameter}=abc`, `?a=b;${parameter}=abc`]) {
      const text = `cannot fetch https://files.example/a.png${query}&c=d now`
      expect(mayHoldKey(text)).toBe(true)
      expect(redactKeyLike(text)).toBe('cannot fetch https://files.example/a.png?*** now')
    }
  })

  test.each([
    'sign',
    'signed',
    'design',
    'ak',
    'key',
    'x-amz-date',
    'x-amz-expires',
    'q-sign-time',
    'signature-version',
  ])('is not one that has the parameter %s', parameter => {
    const text = `see https://files.example/a.png?${parameter}=abc`
    expect(mayHoldKey(text)).toBe(false)
    expect(redactKeyLike(text)).toBe(text)
  })
})
