/** Constructors for the field types of the configuration schema. */
import { type TSchema, Type } from '@sinclair/typebox'

type FieldOptions = {
  description: string
  default?: unknown
  unit?: string
  examples?: unknown[]
  aliases?: Readonly<Record<string, string>>
  lenient?: boolean
}
type Range = { minimum?: number; exclusiveMinimum?: number; maximum?: number }

export const text = (description: string, options: Partial<FieldOptions> = {}) =>
  Type.String({ description, ...options })
export const flag = (description: string, options: Partial<FieldOptions> = {}) =>
  Type.Boolean({ description, ...options })
export const number = (description: string, options: Partial<FieldOptions> & Range = {}) =>
  Type.Number({ description, minimum: 0, ...options })
/** A time of more than 0 seconds. */
export const seconds = (description: string, defaultValue: number) =>
  Type.Number({ description, exclusiveMinimum: 0, unit: 'seconds', default: defaultValue })
export const integer = (description: string, options: Partial<FieldOptions> & Range = {}) =>
  Type.Integer({ description, minimum: 0, ...options })
export const textList = (description: string, options: Partial<FieldOptions> = {}) =>
  Type.Array(Type.String(), { description, ...options })
export const table = <T extends TSchema>(value: T, description: string, options: Partial<FieldOptions> = {}) =>
  Type.Record(Type.String(), value, { description, ...options })
export const union = <T extends TSchema[]>(
  alternatives: [...T],
  description: string,
  options: Partial<FieldOptions> = {},
) => Type.Union(alternatives, { description, ...options })
/** One of several words. Letter case and surrounding whitespace are ignored. */
export const choice = <const T extends string>(
  words: readonly T[],
  description: string,
  options: Partial<FieldOptions> = {},
) => Type.Unsafe<T>(Type.String({ enum: [...words], words, description, ...options }))
/** The same with older spellings. */
export const choiceWithSpellings = <const T extends string, S extends string>(
  words: readonly T[],
  spellings: Readonly<Record<S, T>>,
  description: string,
  options: Partial<FieldOptions> = {},
) => Type.Unsafe<T | S>(Type.String({ enum: [...words, ...Object.keys(spellings)], words, description, ...options }))
/** An object whose fields are all optional. */
export const group = <T extends Record<string, TSchema>>(fields: T, options: Partial<FieldOptions> = {}) =>
  Type.Partial(Type.Object(fields), { additionalProperties: true, ...options })
