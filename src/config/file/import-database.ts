/**
 * Reads the SQLite store of simple-one-api v0.10 (`config.db`): exports its active revision as a file, and warns if it
 * is newer than the configuration file.
 * Only a copy of the database is opened, so nothing is written to it and no lock is taken.
 */
import { Database } from 'bun:sqlite'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import type { Problem } from '../checks/problems.ts'
import { databaseOf } from './database.ts'
import type { Environment } from './environment.ts'

export type Revision = {
  id: number
  /** RFC 3339, as stored. */
  createdAt: string
  /** `legacy-file`: a copy of the file. `bootstrap-default`: empty. `admin`: edited in the web page. */
  source: string
  config: string
}

type RevisionStore = {
  active: Revision | undefined
  /** The latest revision that is a copy of the file. */
  fileRevision: number | undefined
  /** SHA-256 (hex) of the file as v0.10 last read it. */
  fileChecksum: string | undefined
}

/** `config`: the text to print. `written`: the path of the written file. `error`: why there is neither. */
export type ImportResult = { written?: string; config?: string; error?: string }

/**
 * Exports the active revision of `database` as indented JSON to `out`, readable only by its owner (mode 0600). The
 * default is `config.imported.json` next to the database; `-` returns the text for the terminal. An existing file is
 * not overwritten.
 */
export const importDatabase = (database: string, out?: string): ImportResult => {
  const path = resolve(database)
  const target = out ?? join(dirname(path), 'config.imported.json')
  try {
    const { active } = readStore(path)
    if (!active) return { error: `${database} has no active revision` }
    const config = `${JSON.stringify(JSON.parse(active.config, escapeVariables), null, 2)}\n`
    if (target === '-') return { config }
    writeFileSync(target, config, { mode: 0o600, flag: 'wx' })
    return { written: resolve(target) }
  } catch (thrown) {
    return { error: importErrorText(thrown, target, database) }
  }
}

/** v0.10 had no variables, so anything that looks like one is escaped. */
const escapeVariables = (_: string, value: unknown): unknown =>
  typeof value === 'string' ? value.replaceAll('${', () => '$${') : value

const importErrorText = (thrown: unknown, target: string, database: string): string => {
  const { code, message } = thrown as { code?: string; message?: string }
  if (code === 'EEXIST') return `${target} exists already and is left as it is; name another file`
  if (code === 'ENOENT' && !existsSync(database)) return `there is no file ${database}`
  if (thrown instanceof SyntaxError) return `the active revision of ${database} is no JSON`
  return `${database} cannot be imported: ${code ?? message ?? 'unknown reason'}`
}

/**
 * A warning if v0.10 would serve its database instead of this file. That is the case if the active revision is not a
 * copy of the file, and the file is the one that v0.10 last read. A file that was changed since takes precedence in
 * v0.10, too. If the file does not exist, any active revision takes precedence. A database that cannot be read is also
 * reported.
 */
export const newerRevision = (configPath: string, environment: Environment = {}): Problem | undefined => {
  const path = resolve(configPath)
  const database = databaseOf(path, environment)
  if (database === undefined) return
  try {
    const store = readStore(database)
    return isNewer(store, path)
      ? { level: 'warning', path: '', file: path, message: newerRevisionMessage(database, store.active!) }
      : undefined
  } catch (thrown) {
    const message = `${basename(database)} beside it cannot be read (${(thrown as Error).message}); if it holds settings, they are not in force`
    return { level: 'warning', path: '', file: path, message }
  }
}

const newerRevisionMessage = (database: string, { id, createdAt }: Revision): string =>
  `${basename(database)} holds a newer configuration (revision ${id} of ${createdAt}) which is NOT in force here; ` +
  `simple-one-api import ${database} writes it to a file`

const isNewer = ({ active, fileRevision, fileChecksum }: RevisionStore, path: string): boolean => {
  if (!active) return false
  if (!existsSync(path)) return active.source !== 'bootstrap-default'
  return active.id !== fileRevision && fileChecksum === createHash('sha256').update(readFileSync(path)).digest('hex')
}

const readStore = (path: string): RevisionStore => {
  const { database, close } = openCopy(path)
  try {
    const rows = (query: string): Record<string, unknown>[] => database.query(query).all() as Record<string, unknown>[]
    const [active] = rows(
      'SELECT id, created_at, source, config_json FROM config_revisions WHERE active = 1 ORDER BY id DESC LIMIT 1',
    )
    const [fileRevision] = rows("SELECT max(id) AS id FROM config_revisions WHERE source = 'legacy-file'")
    const [checksum] = rows("SELECT value FROM metadata WHERE key = 'legacy_config_checksum'")
    return {
      active: active && toRevision(active),
      fileRevision: asNumber(fileRevision?.['id']),
      fileChecksum: asText(checksum?.['value']),
    }
  } finally {
    close()
  }
}

const toRevision = (row: Record<string, unknown>): Revision => ({
  id: Number(row['id']),
  createdAt: asText(row['created_at']) ?? '',
  source: asText(row['source']) ?? '',
  config: asText(row['config_json']) ?? '',
})

const asNumber = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)
const asText = (value: unknown): string | undefined => {
  if (value instanceof Uint8Array) return new TextDecoder().decode(value)
  return value == null ? undefined : String(value)
}

/**
 * Opens a copy in memory. If the program that writes the database is running or was killed, its log has to be copied as
 * well, which requires files.
 */
const openCopy = (path: string): { database: Database; close: () => void } => {
  const logs = ['-wal', '-journal'].filter(
    suffix => (statSync(path + suffix, { throwIfNoEntry: false })?.size ?? 0) > 0,
  )
  if (logs.length === 0) {
    const database = Database.deserialize(withoutLog(readFileSync(path)), { readonly: true })
    return { database, close: () => database.close() }
  }
  const folder = mkdtempSync(join(tmpdir(), 'simple-one-api-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  try {
    for (const suffix of ['', ...logs]) copyFileSync(path + suffix, join(folder, `copy.db${suffix}`))
    const database = new Database(join(folder, 'copy.db'))
    const close = () => {
      database.close()
      remove()
    }
    return { database, close }
  } catch (thrown) {
    remove()
    throw thrown
  }
}

/**
 * Bytes 18 and 19 are the write and read version (SQLite file format, 1.3). 2 means write-ahead log, which an in-memory
 * database does not support.
 */
const withoutLog = (bytes: Buffer): Buffer => {
  if (bytes.subarray(0, 15).toString('latin1') !== 'SQLite format 3') throw new Error('it is no SQLite database')
  bytes[18] = 1
  bytes[19] = 1
  return bytes
}
