/** The store of simple-one-api v0.10 is read and never modified. */
import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { importDatabase, newerRevision } from '../../../src/config/file/import-database.ts'
import { load } from '../../../src/config/load.ts'
import { writeTempFile } from '../../support/config-file.ts'
import { tempFolder } from '../../support/temp-folder.ts'

type Row = { source: string; config: string; active?: boolean }

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** Creates a database as v0.10 leaves it and returns its open connection. */
const createStore = (path: string, rows: Row[], checksum?: string, journal = 'delete'): Database => {
  const database = new Database(path)
  database.run(`PRAGMA journal_mode = ${journal}`)
  database.run(
    'CREATE TABLE config_revisions (id INTEGER PRIMARY KEY AUTOINCREMENT, created_at TEXT, source TEXT, note TEXT, checksum TEXT, config_json TEXT, active INTEGER)',
  )
  database.run('CREATE UNIQUE INDEX one_active ON config_revisions (active) WHERE active = 1')
  database.run('CREATE TABLE metadata (key TEXT PRIMARY KEY, value TEXT)')
  for (const [index, { source, config, active }] of rows.entries())
    database.run(
      'INSERT INTO config_revisions (created_at, source, note, checksum, config_json, active) VALUES (?, ?, ?, ?, ?, ?)',
      [`2026-08-2${index}T10:00:00.123456789Z`, source, '', sha256(config), config, active ? 1 : 0],
    )
  if (checksum !== undefined) database.run("INSERT INTO metadata VALUES ('legacy_config_checksum', ?)", [checksum])
  return database
}

const text = '{"services": {}}'
const edited = '{"server_port":":9099","services":{"mock":[{"enabled":true,"models":["mock"]}]}}'
const revisions: Row[] = [
  { source: 'legacy-file', config: text },
  { source: 'admin', config: edited, active: true },
]

const createScene = (rows = revisions, checksum: string | undefined = sha256(text)) => {
  const config = writeTempFile(text)
  const database = config.replace('.json', '.db')
  createStore(database, rows, checksum).close()
  return { config, database, directory: join(config, '..') }
}

const snapshot = (directory: string) =>
  readdirSync(directory).map(name => [
    name,
    sha256(readFileSync(join(directory, name)).toString('latin1')),
    statSync(join(directory, name)).mtimeMs,
  ])

describe('import', () => {
  test('the active revision is written next to the database, readable only by its owner', () => {
    const { database, directory } = createScene()
    const { written, error } = importDatabase(database)
    expect({ written, error }).toEqual({ written: join(directory, 'config.imported.json'), error: undefined })
    expect(readFileSync(written!, 'utf8')).toBe(`${JSON.stringify(JSON.parse(edited), null, 2)}\n`)
    if (process.platform !== 'win32') expect(statSync(written!).mode & 0o777).toBe(0o600)
    expect(load(written!, {}).compiled).toMatchObject({ port: 9099, entries: [{ type: 'mock' }] })
  })

  test('the revision can be written to a named file or returned for the terminal', () => {
    const { database, directory } = createScene()
    expect(importDatabase(database, join(directory, 'mine.json')).written).toBe(join(directory, 'mine.json'))
    expect(importDatabase(database, '-')).toEqual({ config: `${JSON.stringify(JSON.parse(edited), null, 2)}\n` })
  })

  test('a text that looks like a variable is escaped and stays text', () => {
    const config = JSON.stringify({
      ...JSON.parse(edited),
      api_key: 'a${HOME}b$${c',
      model_redirect: { 'x${': '${A:-m}' },
    })
    const { database } = createScene([{ source: 'admin', config, active: true }])
    const { compiled, problems } = load(importDatabase(database).written!, { HOME: '/root' })
    expect(problems.filter(({ message }) => message.includes('${'))).toEqual([])
    expect([...compiled!.redirect]).toEqual([['x${', '${A:-m}']])
    expect(compiled!.secrets).toEqual(['a${HOME}b$${c'])
  })

  test('an existing file is not overwritten', () => {
    const { database, config } = createScene()
    expect(importDatabase(database, config).error).toContain('exists already')
    expect(readFileSync(config, 'utf8')).toBe(text)
  })

  test('reading the database modifies no file', () => {
    const { database, directory } = createScene()
    const before = snapshot(directory)
    importDatabase(database, '-')
    newerRevision(join(directory, 'config.json'))
    expect(snapshot(directory)).toEqual(before)
  })

  test('a database in use is read with the contents of its write-ahead log', () => {
    const path = join(tempFolder(), 'config.db')
    const openDatabase = createStore(path, revisions, undefined, 'wal')
    openDatabase.run('BEGIN EXCLUSIVE')
    try {
      expect(statSync(`${path}-wal`).size).toBeGreaterThan(0)
      const before = snapshot(join(path, '..')).filter(([name]) => !String(name).endsWith('-shm'))
      expect(JSON.parse(importDatabase(path, '-').config!)).toEqual(JSON.parse(edited))
      expect(snapshot(join(path, '..')).filter(([name]) => !String(name).endsWith('-shm'))).toEqual(before)
    } finally {
      openDatabase.run('ROLLBACK')
      openDatabase.close()
    }
  })

  test('a closed database in write-ahead log mode is read', () => {
    const path = join(tempFolder(), 'config.db')
    createStore(path, revisions, undefined, 'wal').close()
    expect(JSON.parse(importDatabase(path, '-').config!)).toEqual(JSON.parse(edited))
  })

  test('the reason why a database cannot be imported is returned', () => {
    const directory = tempFolder()
    expect(importDatabase(join(directory, 'none.db')).error).toContain('there is no file')
    const broken = join(directory, 'broken.db')
    writeFileSync(broken, 'not a database at all')
    expect(importDatabase(broken).error).toContain('no SQLite database')
    const empty = join(directory, 'empty.db')
    createStore(empty, []).close()
    expect(importDatabase(empty).error).toContain('no active revision')
    const other = join(directory, 'other.db')
    new Database(other).run('CREATE TABLE x (y)')
    expect(importDatabase(other).error).toContain('cannot be imported')
    const nonsense = join(directory, 'nonsense.db')
    createStore(nonsense, [{ source: 'admin', config: '{', active: true }]).close()
    expect(importDatabase(nonsense).error).toContain('is no JSON')
    expect(importDatabase(directory).error).toContain('cannot be imported: EISDIR')
  })
})

describe('newerRevision', () => {
  test('an edited revision is reported if the file is unchanged since v0.10 read it', () => {
    const { config, database } = createScene()
    const problem = newerRevision(config)
    expect(problem).toMatchObject({ level: 'warning', file: config })
    expect(problem!.message).toContain('revision 2 of 2026-08-21')
    expect(problem!.message).toContain('NOT in force')
    expect(problem!.message).toContain(`import ${database}`)
  })

  test('an older revision that was activated again is reported', () => {
    const rows: Row[] = [
      { source: 'legacy-file', config: '{}', active: true },
      { source: 'legacy-file', config: text },
    ]
    expect(newerRevision(createScene(rows).config)?.message).toContain('revision 1 of')
  })

  test.each<[string, Row[], string | undefined]>([
    ['the active revision is the file', [{ source: 'legacy-file', config: text, active: true }], sha256(text)],
    ['the file has changed since', revisions, sha256('something else')],
    ['that program never read the file', revisions, undefined],
    ['nothing is active', [{ source: 'admin', config: edited }], sha256(text)],
  ])('no newer revision is reported if %s', (_, rows, checksum) => {
    const config = writeTempFile(text)
    createStore(config.replace('.json', '.db'), rows, checksum).close()
    expect(newerRevision(config)).toBeUndefined()
  })

  test('without a database nothing is reported', () => expect(newerRevision(writeTempFile(text))).toBeUndefined())

  test('a database with settings is reported if there is no file', () => {
    const directory = tempFolder()
    createStore(join(directory, 'config.db'), revisions).close()
    expect(newerRevision(join(directory, 'config.json'))?.message).toContain('NOT in force')
    const other = tempFolder()
    createStore(join(other, 'config.db'), [{ source: 'bootstrap-default', config: '{}', active: true }]).close()
    expect(newerRevision(join(other, 'config.json'))).toBeUndefined()
  })

  test('the database in SIMPLE_ONE_API_DB is used', () => {
    const { config, database } = createScene()
    const elsewhere = writeTempFile(text, 'other.json')
    expect(newerRevision(elsewhere)).toBeUndefined()
    expect(newerRevision(elsewhere, { SIMPLE_ONE_API_DB: database })?.message).toContain(`import ${database}`)
    expect(newerRevision(config, { SIMPLE_ONE_API_DB: ':memory:' })).toBeUndefined()
  })

  test('a broken database is reported as a warning', () => {
    const config = writeTempFile(text)
    writeFileSync(config.replace('.json', '.db'), 'garbage')
    expect(newerRevision(config)).toMatchObject({
      level: 'warning',
      message: expect.stringContaining('cannot be read'),
    })
    const other = writeTempFile(text)
    mkdirSync(other.replace('.json', '.db'))
    expect(newerRevision(other)).toBeUndefined()
  })
})
