/**
 * The schema of the catalogue: what is known about vendors and their models. Every fact has a source and a date. A start
 * imports only the types of this file.
 */
import { type Static, Type } from '@sinclair/typebox'

const url = Type.String({ pattern: '^https://[^\\s]+$' })
const month = Type.String({ pattern: '^20\\d\\d-(?:0[1-9]|1[0-2])$' })
const day = Type.String({ pattern: '^20\\d\\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\\d|3[01])$' })
const sentence = Type.String({ minLength: 4 })
const closed = { additionalProperties: false }

/** `asOf`: the month the source was written; null if the source has no date. `checked` of the vendor still applies. */
const provenance = { source: url, asOf: Type.Union([month, Type.Null()]) }

const factFields = { says: sentence, ...provenance }
const fact = Type.Object(factFields, closed)
export type Fact = Static<typeof fact>

/** How one can use the vendor free of charge; `unknown`: nothing certain was found. */
const tier = Type.Union([
  Type.Literal('recurring'),
  Type.Literal('trial'),
  Type.Literal('paid'),
  Type.Literal('own'),
  Type.Literal('unknown'),
])
export type FreeTier = Static<typeof tier>

const vendorFields = {
  /** One sentence. */
  is: sentence,
  /** The same in Chinese, beginning with what a Chinese reader must know first. */
  chinese: sentence,
  /** Where to create a key; null if the vendor has no keys. */
  apply: Type.Object({ url: Type.Union([url, Type.Null()]), ...factFields }, closed),
  /** Where the vendor lists its models. */
  models: url,
  free: Type.Object({ tier, ...factFields }, closed),
  /** What to know in advance. */
  notes: Type.Array(fact),
  /** The month in which all of this was last checked. */
  checked: month,
}
const vendor = Type.Object(vendorFields, closed)
export type VendorFacts = Static<typeof vendor>

/** A vendor under a second name. What it does not state is as for the vendor that `like` names. */
const alias = Type.Composite([Type.Object({ like: Type.String() }), Type.Partial(vendor)], closed)

/** `vendors.json`: service type → what people must know. The pages of docs/vendors show it. */
export const vendorsSchema = Type.Record(Type.String(), Type.Union([vendor, alias]))

/** Where traits are known from. Without a source, `unsourced` says why there is none. */
const traitProvenance = Type.Union([
  Type.Object({ source: Type.Union([url, Type.Array(url, { minItems: 1 })]), asOf: month }),
  Type.Object({ unsourced: Type.String({ minLength: 20 }), asOf: month }),
])
const traits = Type.Intersect([traitProvenance, Type.Object({ values: Type.Record(Type.String(), Type.Unknown()) })])

const retirement = Type.Object(
  {
    /** The last day; null if the source names none. */
    on: Type.Union([day, Type.Null()]),
    /** The model that the vendor names instead. */
    replacement: Type.Optional(Type.String({ minLength: 1 })),
    ...provenance,
  },
  closed,
)

/** What is known about some models of a vendor. */
export const modelRecordSchema = Type.Object(
  {
    vendor: Type.String(),
    /** A regular expression, tested on the name of a model in lower case. */
    pattern: Type.String({ minLength: 1 }),
    traits: Type.Optional(traits),
    retires: Type.Optional(retirement),
  },
  closed,
)
export type ModelRecord = Static<typeof modelRecordSchema>

/** `models.json`. */
export const modelsSchema = Type.Array(modelRecordSchema)

/**
 * The traits of some models, as code that a start needs. Such records stand where they are used, and have the shape of
 * the others.
 */
export type TraitRecord<Values> = {
  pattern: RegExp
  traits: Static<typeof traitProvenance> & { values: Values }
}
