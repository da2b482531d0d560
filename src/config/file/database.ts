/** Where v0.10 would keep the settings it serves in place of a file. */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Environment } from './environment.ts'

/** The database beside a configuration, or the one SIMPLE_ONE_API_DB names; undefined if there is none. */
export const databaseOf = (configPath: string, environment: Environment): string | undefined => {
  const database = environment['SIMPLE_ONE_API_DB']?.trim() || resolve(configPath).replace(/\.[^./\\]+$/, '') + '.db'
  if (database === ':memory:' || !statSync(database, { throwIfNoEntry: false })?.isFile()) return
  return database
}
