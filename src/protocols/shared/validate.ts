/** Checks a request against its schema and describes the first error in plain words. */
import type { TSchema } from '@sinclair/typebox'
import { type TypeCheck, TypeCompiler, type ValueError } from '@sinclair/typebox/compiler'
import { GatewayError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json/json.ts'

/**
 * Creates a check that throws `invalid_request` with the path of the first error as `param`: `messages[2].content`. A
 * schema may describe what it `expects` in words.
 */
export const createChecker = (schema: TSchema): ((body: JsonObject) => void) => {
  // The schema is compiled on first use. Startup is faster, and most deployments use only two of the protocols.
  let compiled: TypeCheck<TSchema> | undefined
  return body => {
    compiled ??= TypeCompiler.Compile(schema)
    if (compiled.Check(body)) return
    const error = deepestError(compiled.Errors(body))
    if (error) throw validationError(error)
  }
}

/**
 * Returns only the first error, because there may be millions. For a value that fits no variant of a union it returns
 * the error of the variant that matched deepest.
 */
const deepestError = (errors: Iterable<ValueError>): ValueError | undefined => {
  const [error] = errors
  if (error === undefined) return undefined
  const inner = error.errors.map(deepestError).filter(one => one !== undefined)
  return inner.find(one => one.path.length > error.path.length) ?? error
}

/** Characters of a path in an error: a client chooses the names in it. */
const maxPathLength = 500

const validationError = ({ path, value, schema, message }: ValueError): GatewayError => {
  const param = dottedPath(path.slice(0, maxPathLength))
  const expected = describeExpected(schema) ?? message.replace(/^Expected /, '')
  const sentence =
    value === undefined
      ? `${param} is missing: it must be ${expected}`
      : `${param} must be ${expected}, not ${describeValue(value)}`
  return new GatewayError('invalid_request', sentence, { param })
}

const describeExpected = (schema: TSchema): string | undefined => {
  if (typeof schema.expects === 'string') return schema.expects
  const variants = schema.anyOf as TSchema[] | undefined
  if (variants) return variants.map(variant => describeExpected(variant) ?? 'something else').join(' or ')
  if (schema.type === 'integer')
    return schema.minimum === undefined ? 'a whole number' : `a whole number from ${schema.minimum}`
  return typeDescriptions[schema.type as string]
}

const typeDescriptions: Record<string, string> = {
  string: 'a string',
  number: 'a number',
  boolean: 'true or false',
  object: 'an object',
  array: 'an array',
  null: 'null',
}

const describeValue = (value: unknown): string => {
  if (value === null) return 'null'
  if (value === '') return 'an empty string'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : 'an array'
  if (typeof value === 'object') return 'an object'
  return typeof value === 'number' ? `the number ${value}` : `a ${typeof value}`
}

/** `/messages/2/content` → `messages[2].content`. */
const dottedPath = (path: string): string =>
  path
    .split('/')
    .slice(1)
    .map(segment => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((sum, segment) => {
      if (/^\d+$/.test(segment)) return `${sum}[${segment}]`
      return sum === '' ? segment : `${sum}.${segment}`
    }, '')
