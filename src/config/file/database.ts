/** Finds the database in which v0.10 stores the settings that it serves instead of a file. */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Environment } from './environment.ts'

/** The database next to a configuration file, or the one in SIMPLE_ONE_API_DB. Undefined if there is none. */
export const databaseOf = (configPath: string, environment: Environment): string | undefined => {
  const database = environment['SIMPLE_ONE_API_DB']?.trim() || resolve(configPath).replace(/\.[^./\\]+$/, '') + '.db'
  if (database === ':memory:' || !statSync(database, { throwIfNoEntry: false })?.isFile()) return
  return database
}
