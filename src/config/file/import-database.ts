/**
 * The SQLite store of simple-one-api v0.10 (`config.db`), read only: its active revision as a file, and a word if it is newer than the file.
 * The database itself is never opened, only a copy: nothing is written to it and nobody waits for a lock.
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
  /** As the store has it: RFC 3339. */
  createdAt: string
  /** `legacy-file`: a copy of the file; `bootstrap-default`: empty; `admin`: edited in the web page. */
  source: string
  config: string
}

type RevisionStore = {
  active: Revision | undefined
  /** The latest revision that is a copy of the file. */
  fileRevision: number | undefined
  /** SHA-256 (hex) of the file as the program last read it. */
  fileChecksum: string | undefined
}

/** `config` is the text that was to go to the terminal, `written` where it went else; `error` says why neither is there. */
export type ImportResult = { written?: string; config?: string; error?: string }

/**
 * Takes the active revision out of `database` and writes it, indented and for its owner's eyes only (mode 0600), to `out`: by default
 * `config.imported.json` beside the database; `-` is the terminal. An existing file is not touched.
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

/** v0.10 knew no variables: what looks like one is text. */
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
 * What v0.10 would serve in place of this file: the database beside it (or named by SIMPLE_ONE_API_DB) holds an active revision that is no copy of
 * the file, and the file is the one that program read last. A file changed since goes before the database, there too.
 * A file that does not exist yields to any active revision. A database that cannot be read is told as well.
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

/** A copy in memory; if the program that writes it is running, or was killed, its log has to come along, and that takes files. */
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

/** Bytes 18 and 19 say how the file is written and read (SQLite file format, 1.3); 2 is the write-ahead log, which memory has not. */
const withoutLog = (bytes: Buffer): Buffer => {
  if (bytes.subarray(0, 15).toString('latin1') !== 'SQLite format 3') throw new Error('it is no SQLite database')
  bytes[18] = 1
  bytes[19] = 1
  return bytes
}
