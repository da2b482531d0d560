/** Loads the catalogue. Nothing of it is in memory before it is asked for. */
import type { Static, TSchema } from '@sinclair/typebox'
import { TypeCompiler } from '@sinclair/typebox/compiler'
import { type ModelRecord, modelsSchema, type VendorFacts, vendorsSchema } from './schema.ts'

/** @throws Error if a fact does not fit the schema. */
export const validate = <Schema extends TSchema>(schema: Schema, data: unknown, file: string): Static<Schema> => {
  const compiled = TypeCompiler.Compile(schema)
  if (compiled.Check(data)) return data
  const problem = compiled.Errors(data).First()
  throw new Error(`${file}${problem?.path}: ${problem?.message}`)
}

/** Service type → facts. A vendor under a second name inherits missing facts from the first (`like`). */
export const loadVendors = async (): Promise<ReadonlyMap<string, VendorFacts>> => {
  const { default: data } = await import('./vendors.json')
  return resolveAliases(validate(vendorsSchema, data, 'vendors.json'))
}

/** @throws Error if `like` names no vendor with facts of its own. */
export const resolveAliases = (vendors: Static<typeof vendorsSchema>): ReadonlyMap<string, VendorFacts> =>
  new Map(
    Object.entries(vendors).map(([type, facts]) => {
      if (!('like' in facts)) return [type, facts]
      const { like, ...ownFacts } = facts
      const first = vendors[like]
      if (!first || 'like' in first) throw new Error(`vendors.json: ${type} is like ${like}, which has no facts`)
      return [type, { ...first, ...ownFacts }]
    }),
  )

/** What is known about models, by vendor and name. */
export const loadModels = async (): Promise<readonly ModelRecord[]> => {
  const { default: data } = await import('./models.json')
  return validate(modelsSchema, data, 'models.json')
}
