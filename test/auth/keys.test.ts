import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { createAuth, presentedKeys } from '../../src/auth/keys.ts'
import { GatewayError } from '../../src/base/errors.ts'
import type { KeyRule } from '../../src/config/compiled.ts'

const rule = (id: string, key: string, scopes?: string[]): KeyRule => ({
  id,
  digest: createHash('sha256').update(key).digest(),
  ...(scopes ? { scopes } : {}),
})

const auth = createAuth([
  rule('master', 'sk-master'),
  rule('scoped', 'sk-scoped', ['gpt-4o', 'qwen-*']),
  rule('none', 'sk-none', []),
])
const keysIn = (headers: Record<string, string>, query = '') => presentedKeys(new Headers(headers), query)

describe('presentedKeys', () => {
  test.each([
    ['Authorization: Bearer', { authorization: 'Bearer sk-master' }, ''],
    ['Authorization, with the scheme in any case and extra spaces', { authorization: 'bEARER   sk-master ' }, ''],
    ['x-api-key', { 'x-api-key': 'sk-master' }, ''],
    ['x-goog-api-key', { 'x-goog-api-key': 'sk-master' }, ''],
    ['api-key', { 'api-key': 'sk-master' }, ''],
    ['?key=', {}, 'alt=sse&key=sk%2Dmaster'],
  ] as [string, Record<string, string>, string][])('a key is read from %s', (_, headers, query) => {
    expect(auth.authenticate(keysIn(headers, query)).id).toBe('master')
  })

  test('one valid key among several suffices', () => {
    const headers = { authorization: 'Bearer not-needed', 'x-api-key': 'sk-scoped' }
    expect(auth.authenticate(keysIn(headers)).id).toBe('scoped')
    expect(auth.authenticate(keysIn({ authorization: 'Bearer wrong' }, 'key=no&key=sk-master')).id).toBe('master')
  })

  test('other headers and parameters, and keys of more than 4096 bytes, are ignored', () => {
    expect(
      keysIn({ authorization: 'Basic c2stbWFzdGVy', cookie: 'key=sk-master' }, 'monkey=sk-master&apikey=sk-master'),
    ).toEqual([])
    expect(keysIn({ authorization: 'sk-master' })).toEqual([])
    expect(keysIn({ authorization: 'Bearer ', 'x-api-key': ' ' }, 'key=')).toEqual([])
    expect(keysIn({ 'x-api-key': 'a'.repeat(4096) })).toHaveLength(1)
    expect(keysIn({ 'x-api-key': 'a'.repeat(4097) }, `key=${'a'.repeat(5000)}`)).toEqual([])
  })
})

describe('authenticate', () => {
  test.each([[], ['wrong'], ['sk-maste'], ['sk-master1'], ['SK-MASTER'], ['__proto__']])(
    'the key %j is refused',
    (...keys) => {
      const authenticate = () => auth.authenticate(keys)
      expect(authenticate).toThrow(GatewayError)
      expect(authenticate).toThrow('a valid key is needed')
    },
  )

  test('every refusal is the same and contains no key', () => {
    const refusal = (keys: string[]) => {
      try {
        auth.authenticate(keys)
      } catch (error) {
        return error as GatewayError
      }
      throw new Error('let in')
    }
    expect(refusal(['sk-secret-guess'])).toEqual(refusal([]))
    expect(refusal([]).status).toBe(401)
  })

  test('without configured keys every request is accepted', () => {
    const open = createAuth([])
    expect(open.authenticate([]).id).toBe('anonymous')
    expect(open.authenticate(['any']).id).toBe('anonymous')
    expect(open.authenticate([]).canUse('anything')).toBe(true)
    expect(open.authenticate([])).toBe(open.authenticate(['other']))
  })
})

describe('the models a caller may use', () => {
  const canUse = (key: string, model: string) => auth.authenticate([key]).canUse(model)

  test('no scopes allow every model, scopes allow their names and prefixes, and an empty list allows none', () => {
    expect(canUse('sk-master', 'any')).toBe(true)
    expect(
      ['gpt-4o', 'qwen-plus', 'qwen-', 'gpt-4o-mini', 'Gpt-4o', 'qwen', 'random'].map(model =>
        canUse('sk-scoped', model),
      ),
    ).toEqual([true, true, true, false, false, false, false])
    expect(canUse('sk-none', 'gpt-4o')).toBe(false)
  })

  test('the scope `*` allows every model, and names of object members get no special treatment', () => {
    const all = createAuth([rule('all', 'k', ['gpt-4o', '*'])]).authenticate(['k'])
    expect(all.canUse('whatever')).toBe(true)
    expect(all.scopes).toEqual(['gpt-4o', '*'])
    expect(canUse('sk-scoped', '__proto__')).toBe(false)
    expect(canUse('sk-scoped', 'constructor')).toBe(false)
  })

  test('a key that is configured twice may use what either entry allows', () => {
    const twice = createAuth([rule('master', 'k'), rule('k1', 'k', ['a'])])
    expect(twice.authenticate(['k']).canUse('b')).toBe(true)
    expect(twice.authenticate(['k']).id).toBe('master')
    const late = createAuth([rule('k1', 'k', ['a']), rule('master', 'k')])
    expect(late.authenticate(['k']).id).toBe('master')
    const scoped = createAuth([rule('k1', 'k', ['a']), rule('k2', 'k', ['b*'])]).authenticate(['k'])
    expect([scoped.canUse('a'), scoped.canUse('bc'), scoped.canUse('c')]).toEqual([true, true, false])
  })

  test('the same key always gives the same caller object', () => {
    expect(auth.authenticate(['sk-scoped'])).toBe(auth.authenticate(['no', 'sk-scoped']))
  })
})
