/** An entry with the defaults of the configuration, one model and no credential. */
import type { Entry } from '../../src/providers/entry.ts'

export const defaultEntry = (type: string, changes: Partial<Entry> = {}): Entry => ({
  id: `${type}-1`,
  type,
  models: ['model'],
  embeddingModels: [],
  redirect: new Map(),
  map: new Map(),
  credentials: [],
  weight: 1,
  priority: 0,
  headers: {},
  params: {},
  limit: {},
  embeddingLimit: {},
  ...changes,
})
