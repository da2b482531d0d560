/** The command line: every command, its output and its exit code. */
import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runGateway, startGateway } from '../support/gateway-process.ts'
import { createFolder, removeFolder } from '../support/temp-folder.ts'

const good = JSON.stringify({
  services: {
    openai: [
      {
        enabled: true,
        id: 'main',
        models: ['m', 'open-*'],
        server_url: 'http://127.0.0.1:1/v1',
        credential_list: [{ api_key: 'sk-canary-1' }, { api_key: 'sk-canary-2' }],
        model_redirect: { alias: 'm' },
        priority: 2,
        weight: 3,
      },
    ],
    mock: [{ enabled: true, models: ['m', 'mock'] }],
  },
  model_redirect: { 'gpt-4o': 'm', all: 'random' },
})
const bad = `{
  // comments and trailing commas are fine
  "services": {
    "deepseek": [
      { "enabled": true, "credentials": {}, "weigth": 2 },
    ],
    "deepsek": [{ "enabled": true }],
  },
  "log_level": "loud",
  "heartbeet": 3,
}
`
const run = (args: string[], files: Record<string, string> = {}, env: Record<string, string> = {}) =>
  runGateway(args, { files, env })

describe('--help and --version', () => {
  for (const args of [['--help'], ['-h'], ['serve', '--help'], ['check', '--help'], ['nothing.json', '-h']])
    test(`${args.join(' ')} prints every command and exits with 0`, async () => {
      const { code, stdout, stderr } = await run(args)
      expect([code, stderr]).toEqual([0, ''])
      for (const word of [
        'serve',
        'check',
        'models',
        'schema',
        'import',
        '--host',
        '--port',
        '--log-level',
        '--version',
        'config.json',
      ])
        expect(stdout).toContain(word)
    })

  for (const flag of ['--version', '-v'])
    test(`${flag} prints the version, the commit and the version of Bun`, async () => {
      const { code, stdout } = await run([flag])
      expect(code).toBe(0)
      expect(stdout).toMatch(/^simple-one-api \d+\.\d+\.\d+\S* \(\S+\), Bun \d+\.\d+\.\d+\n$/)
    })
})

describe('arguments that are not understood exit with 2', () => {
  for (const args of [
    ['--nope'],
    ['good.json', '--nope'],
    ['check', '--nope', 'good.json'],
    ['--port'],
    ['good.json', 'other.json'],
    ['serve', 'good.json', 'other.json'],
    ['check', 'good.json', 'other.json'],
    ['models', 'good.json', 'other.json'],
    ['schema', 'good.json'],
    ['import', 'a', 'b', 'c'],
    ['check', 'good.json', '--port', '1'],
    ['models', 'good.json', '--host', 'x'],
    ['schema', '--log-level', 'info'],
  ])
    test(args.join(' '), async () => {
      const { code, stdout, stderr } = await run(args, { 'good.json': good, 'other.json': good })
      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).toContain('--help')
      expect(stderr).not.toMatch(/\n\s+at /)
    })
})

describe('check', () => {
  test('a valid file gives no errors and exit code 0', async () => {
    const { code, stdout, stderr } = await run(['check', 'good.json'], { 'good.json': good })
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain('0 errors')
    expect(stdout).not.toContain('canary')
  })

  test('every problem is printed with its line, its path and a suggestion, and the exit code is 1', async () => {
    const { code, stdout } = await run(['check', 'bad.json'], { 'bad.json': bad })
    expect(code).toBe(1)
    const lines = stdout.split('\n')
    const lineWith = (path: string) => lines.find(line => line.includes(path)) ?? `nothing of ${path} in\n${stdout}`
    expect(lineWith('services.deepseek[0].credentials.api_key')).toMatch(
      /bad\.json:5:\d+ error services\.deepseek\[0\]\.credentials\.api_key: required/,
    )
    expect(lineWith('weigth')).toMatch(/bad\.json:5:\d+ warning .*did you mean "weight"/)
    expect(lineWith('deepsek')).toMatch(/bad\.json:7:\d+ error .*did you mean "deepseek"/)
    expect(lineWith('log_level')).toMatch(/bad\.json:9:\d+ error log_level/)
    expect(lineWith('heartbeet')).toMatch(/bad\.json:10:\d+ warning .*did you mean "heartbeat"/)
    expect(stdout).toMatch(/3 errors, \d+ warnings\n$/)
  })

  test('warnings alone give exit code 0', async () => {
    const { code, stdout } = await run(['check', 'a.json'], {
      'a.json': '{"services":{"mock":[{"enabled":true}]},"heartbeet":1}',
    })
    expect([code, /0 errors, 1 warning\n$/.test(stdout)]).toEqual([0, true])
  })

  test('a YAML file is checked, too', async () => {
    const yaml = 'services:\n  mock:\n    - enabled: true\n      weigth: 2\n'
    const { code, stdout } = await run(['check', 'a.yaml'], { 'a.yaml': yaml })
    expect(code).toBe(0)
    expect(stdout).toMatch(/a\.yaml:4:\d+ warning .*weigth/)
  })

  test('without a configuration the exit code is 1', async () => {
    const { code, stderr } = await run(['check'])
    expect([code, stderr]).toEqual([1, expect.stringContaining('no configuration')])
  })
})

describe('a configuration that cannot be used never exits with 0', () => {
  const cases: [name: string, text: string, told: RegExp][] = [
    ['a syntax error', '{\n  "services": {\n    "mock": [{"enabled": true}]\n', /bad\.json:\d+:\d+ error .*syntax/],
    ['a wrong comma', '{\n  "a": 1,,\n}', /bad\.json:2:\d+ error .*syntax/],
    ['an empty file', '', /empty/],
    ['a list', '[]', /must be an object/],
    ['a word', '"services"', /must be an object/],
    ['a wrong value', '{"services":{"mock":[{"enabled":"perhaps"}]}}', /services\.mock\[0\]\.enabled/],
    ['an unknown service', '{"services":{"opnai":[{"enabled":true}]}}', /did you mean "openai"/],
    [
      'a variable that is not set',
      '{"api_key":"${NOT_SET_HERE}","services":{"mock":[{"enabled":true}]}}',
      /NOT_SET_HERE/,
    ],
    ['a wrong port', '{"server_port":"99999","services":{"mock":[{"enabled":true}]}}', /server_port/],
  ]
  for (const [name, text, expected] of cases)
    test(`${name} is reported by serve, check and models`, async () => {
      for (const args of [['bad.json'], ['serve', 'bad.json'], ['check', 'bad.json'], ['models', 'bad.json']]) {
        const { code, stdout, stderr } = await run(args, { 'bad.json': text })
        expect([args[0], code]).toEqual([args[0], 1])
        expect(stdout + stderr).toMatch(expected)
        expect(stdout + stderr).not.toMatch(/\n\s+at /)
      }
    })

  test('a directory, a missing file and an unreadable file are reported', async () => {
    const folder = createFolder()
    try {
      await mkdir(join(folder, 'config.json'))
      const closed = join(folder, 'closed.json')
      await writeFile(closed, good)
      await chmod(closed, 0)
      const isRoot = process.getuid?.() === 0
      const cases: [path: string, told: RegExp][] = [
        [join(folder, 'config.json'), /is a directory/],
        [folder, /is a directory/],
        [join(folder, 'none.json'), /there is no such file/],
        [join(folder, 'config.json', 'below.json'), /there is no such file|is a directory/],
        // Root may read everything.
        ...(isRoot ? [] : [[closed, /permission denied/] as [string, RegExp]]),
      ]
      for (const [path, expected] of cases)
        for (const command of [[], ['check'], ['models']]) {
          const { code, stdout, stderr } = await run([...command, path])
          expect([path, command, code]).toEqual([path, command, 1])
          expect(stdout + stderr).toMatch(expected)
        }
    } finally {
      removeFolder(folder)
    }
  })

  test('a wrong --port, --host or --log-level is reported', async () => {
    for (const [flag, value] of [
      ['--port', 'abc'],
      ['--port', '70000'],
      ['--port', '-1'],
      ['--port', ''],
      ['--port', ' '],
      ['--log-level', 'loud'],
      ['--host', ''],
      ['--host', ' '],
      ['--host', '8.8.8.8'],
    ] as const) {
      const { code, stderr } = await run(['good.json', `${flag}=${value}`], { 'good.json': good })
      expect([flag, value, code]).toEqual([flag, value, 1])
      expect(stderr).toMatch(flag === '--host' ? /--host|cannot listen/ : new RegExp(flag))
      expect(stderr).not.toMatch(/\n\s+at /)
    }
  })
})

describe('models', () => {
  test('each model is printed with targets, redirects, credentials, weight and priority, without secrets', async () => {
    const { code, stdout, stderr } = await run(['models', 'good.json'], { 'good.json': good })
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('error')])
    const rows = Object.fromEntries(stdout.split('\n').map(line => line.split(/\s{2,}/) as [string, string]))
    expect(rows).toMatchObject({
      m: 'main/m 2 credentials weight 3 priority 2, mock-1/m',
      'open-*': expect.stringContaining('main/open-*'),
      alias: expect.stringContaining('main/m'),
      mock: 'mock-1/mock',
      'gpt-4o': '→ m',
      all: '→ random',
    })
    expect(stdout).not.toContain('canary')
  })

  test('without a configuration the mock is printed, with a notice', async () => {
    const { code, stdout, stderr } = await run(['models'])
    expect([code, stdout]).toEqual([0, expect.stringContaining('mock-1/mock')])
    expect(stderr).toContain('MOCK')
  })
})

test('schema prints a JSON Schema of every setting', async () => {
  const { code, stdout, stderr } = await run(['schema'])
  expect([code, stderr]).toEqual([0, ''])
  const schema = JSON.parse(stdout) as {
    $schema: string
    type: string
    properties: Record<string, { description?: string }>
  }
  expect([schema.$schema, schema.type]).toEqual([expect.stringContaining('json-schema.org'), 'object'])
  for (const key of ['server_port', 'services', 'api_keys', 'timeouts', 'heartbeat', 'max_body', 'on_loss', 'proxy'])
    expect({ key, description: schema.properties[key]?.description }).toEqual({
      key,
      description: expect.stringMatching(/\w.*\.$/s),
    })
})

describe('import', () => {
  const edited = '{"services":{"mock":[{"enabled":true,"models":["from-the-store"]}]}}'
  /** A store as v0.10 leaves it: a copy of the file, and an active revision that was edited in the web page later. */
  const withScene = async (task: (folder: string, database: string) => Promise<void>) => {
    const folder = createFolder()
    const file = '{"services":{"mock":[{"enabled":true}]}}'
    await writeFile(join(folder, 'config.json'), file)
    const store = new Database(join(folder, 'config.db'))
    store.run(
      'CREATE TABLE config_revisions (id INTEGER PRIMARY KEY AUTOINCREMENT, created_at TEXT, source TEXT, note TEXT, checksum TEXT, config_json TEXT, active INTEGER)',
    )
    store.run('CREATE TABLE metadata (key TEXT PRIMARY KEY, value TEXT)')
    const insert =
      'INSERT INTO config_revisions (created_at, source, note, checksum, config_json, active) VALUES (?, ?, ?, ?, ?, ?)'
    store.run(insert, ['2026-08-20T10:00:00Z', 'legacy-file', '', '', file, 0])
    store.run(insert, ['2026-08-21T10:00:00Z', 'admin', '', '', edited, 1])
    store.run("INSERT INTO metadata VALUES ('legacy_config_checksum', ?)", [
      new Bun.CryptoHasher('sha256').update(file).digest('hex'),
    ])
    store.close()
    try {
      await task(folder, join(folder, 'config.db'))
    } finally {
      removeFolder(folder)
    }
  }

  test('the active revision is written as a usable configuration, and not overwritten later', () =>
    withScene(async (folder, database) => {
      const out = join(folder, 'new.json')
      const first = await run(['import', database, out])
      expect([first.code, first.stdout]).toEqual([0, expect.stringContaining('new.json')])
      expect(await Bun.file(out).json()).toEqual(JSON.parse(edited))
      const models = await run(['models', out])
      expect([models.code, models.stdout]).toEqual([0, expect.stringContaining('mock-1/from-the-store')])
      const again = await run(['import', database, out])
      expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('exists already')])
    }))

  test('with - the revision is printed', () =>
    withScene(async (_, database) => {
      const { code, stdout } = await run(['import', database, '-'])
      expect([code, JSON.parse(stdout)]).toEqual([0, JSON.parse(edited)])
    }))

  test('check and serve warn of a newer revision and name the import command', () =>
    withScene(async (folder, database) => {
      const { code, stdout } = await run(['check', join(folder, 'config.json')])
      expect([code, stdout]).toEqual([0, expect.stringMatching(/warning .*NOT in force.*import/)])
      const file = await readFile(join(folder, 'config.json'), 'utf8')
      await using gateway = await startGateway(file, { files: { 'config.db': await readFile(database) } })
      expect(gateway.stderr()).toMatch(/warning .*NOT in force.*import/)
    }))

  test('a missing argument, a missing file and a file that is no database exit with 1 and a message', async () => {
    for (const [args, expected] of [
      [[], /needs the path/],
      [['none.db'], /there is no file/],
      [['text.db'], /no SQLite database/],
    ] as const) {
      const { code, stdout, stderr } = await run(['import', ...args], {
        'text.db': 'not a database, but long enough to be looked at',
      })
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toMatch(expected)
    }
  })
})

test('a mistyped command is reported with a suggestion', async () => {
  const { code, stderr } = await runGateway(['chekc'])
  expect([code, stderr]).toEqual([2, expect.stringContaining('did you mean check?')])
})
