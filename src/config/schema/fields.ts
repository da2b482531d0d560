/** The kinds of fields a configuration has, each with its words. */
import { type TSchema, Type } from '@sinclair/typebox'

type Words = {
  description: string
  default?: unknown
  unit?: string
  examples?: unknown[]
  aliases?: Readonly<Record<string, string>>
  lenient?: boolean
}
type Range = { minimum?: number; exclusiveMinimum?: number; maximum?: number }

export const text = (description: string, words: Partial<Words> = {}) => Type.String({ description, ...words })
export const flag = (description: string, words: Partial<Words> = {}) => Type.Boolean({ description, ...words })
export const number = (description: string, words: Partial<Words> & Range = {}) =>
  Type.Number({ description, minimum: 0, ...words })
export const whole = (description: string, words: Partial<Words> & Range = {}) =>
  Type.Integer({ description, minimum: 0, ...words })
export const texts = (description: string, words: Partial<Words> = {}) =>
  Type.Array(Type.String(), { description, ...words })
export const table = <T extends TSchema>(value: T, description: string, words: Partial<Words> = {}) =>
  Type.Record(Type.String(), value, { description, ...words })
export const either = <T extends TSchema[]>(options: [...T], description: string, words: Partial<Words> = {}) =>
  Type.Union(options, { description, ...words })
/** One of a few words; letter case and blanks around it do not matter. */
export const choice = <const T extends string>(words: readonly T[], description: string, more: Partial<Words> = {}) =>
  Type.Unsafe<T>(Type.String({ enum: [...words], words, description, ...more }))
/** The same with older words for them. */
export const spelled = <const T extends string, S extends string>(
  words: readonly T[],
  others: Readonly<Record<S, T>>,
  description: string,
  more: Partial<Words> = {},
) => Type.Unsafe<T | S>(Type.String({ enum: [...words, ...Object.keys(others)], words, description, ...more }))
/** Every field may be left out. */
export const group = <T extends Record<string, TSchema>>(fields: T, words: Partial<Words> = {}) =>
  Type.Partial(Type.Object(fields), { additionalProperties: true, ...words })
