/** Reading a configuration: which file is found, how it is parsed, and what is reported if that fails. */
import { describe, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { renderProblems } from '../../../src/config/checks/problems.ts'
import { parseEnvironmentFile } from '../../../src/config/file/environment.ts'
import { findConfig } from '../../../src/config/file/source.ts'
import { parentOf, pathTo } from '../../../src/config/file/tree.ts'
import { load, loadText } from '../../../src/config/load.ts'
import { distanceBetween, nearest } from '../../../src/config/schema/nearest.ts'
import {
  compiledOf,
  configWithEntry,
  entryOf,
  loadFile,
  problemLines,
  problemsOf,
  writeTempFile,
} from '../../support/config-file.ts'
import { stopwatch } from '../../support/stopwatch.ts'
import { tempFolder } from '../../support/temp-folder.ts'

describe('findConfig', () => {
  test('the argument is returned, even if the file does not exist', () => {
    const directory = tempFolder()
    expect(findConfig('mine.json', directory, tempFolder())).toBe(join(directory, 'mine.json'))
    expect(findConfig('/elsewhere/mine.json', directory, tempFolder())).toBe('/elsewhere/mine.json')
  })

  test('an argument is also looked up in config/', () => {
    const directory = tempFolder()
    mkdirSync(join(directory, 'config'))
    const path = writeTempFile('{}', 'mine.json', join(directory, 'config'))
    expect(findConfig('mine.json', directory, tempFolder())).toBe(path)
  })

  test('the order is working directory, config/, executable directory, and json, yaml, yml', () => {
    const directory = tempFolder()
    const executable = tempFolder()
    expect(findConfig(undefined, directory, executable)).toBeUndefined()
    const last = writeTempFile('{}', 'config.yml', executable)
    expect(findConfig(undefined, directory, executable)).toBe(last)
    mkdirSync(join(directory, 'config'))
    const inConfig = writeTempFile('{}', 'config.yaml', join(directory, 'config'))
    expect(findConfig(undefined, directory, executable)).toBe(inConfig)
    const yml = writeTempFile('', 'config.yml', directory)
    expect(findConfig(undefined, directory, executable)).toBe(yml)
    const json = writeTempFile('{}', 'config.json', directory)
    expect(findConfig(undefined, directory, executable)).toBe(json)
  })

  test('a directory named config.json is found, so that it is reported', () => {
    const directory = tempFolder()
    mkdirSync(join(directory, 'config.json'))
    expect(findConfig(undefined, directory, tempFolder())).toBe(join(directory, 'config.json'))
  })
})

describe('files that cannot be read', () => {
  const message = (path: string) => renderProblems(load(path, {}).problems, { name: 'config.json' }).trimEnd()

  test('a missing file is reported', () =>
    expect(message(join(tempFolder(), 'config.json'))).toBe('config.json error there is no such file'))
  test('a directory is reported', () =>
    expect(message(tempFolder())).toStartWith('config.json error this is a directory, not a file'))
  test('an empty file is reported', () =>
    expect(message(writeTempFile(' \n'))).toBe('config.json error the file is empty'))
  test('a file that is not UTF-8 is reported', () =>
    expect(message(writeTempFile(new Uint8Array([0x7b, 0xff, 0xfe])))).toContain('not text in UTF-8'))

  test('a file without read permission is reported, except for root', () => {
    const path = writeTempFile('{}')
    chmodSync(path, 0)
    expect(message(path)).toContain(process.getuid?.() === 0 ? 'no service is in use' : 'permission denied')
  })

  test('a circular symbolic link is reported', () => {
    const path = join(tempFolder(), 'config.json')
    symlinkSync(path, path)
    expect(message(path)).toBe('config.json error the file cannot be read: ELOOP')
  })

  test('a configuration that is no object is reported', () => {
    expect(message(writeTempFile('[]'))).toBe(
      'config.json:1:1 error the configuration must be an object: { "services": … }',
    )
    expect(message(writeTempFile('just words', 'config.yaml'))).toContain('must be an object')
  })

  test.each([
    ['{\n  "a": 1,\n  "b" 2\n}', '3:7 error syntax error: colon expected'],
    ['{"services": {', '1:15 error syntax error: close brace expected'],
    ['{"a": "x\n"}', '1:7 error syntax error: unexpected end of string'],
    ['{} {}', '1:4 error syntax error: end of file expected'],
  ])('the invalid JSON %j is reported', (text, expected) =>
    expect(problemLines(loadFile(text).problems)).toEqual([expected]),
  )

  test.each([
    ['a: 1\n  b: 2\n', 'syntax error'],
    ['a: "x\n', 'syntax error: a character is missing'],
    ['a: [1, 2\nb: 3\n', 'syntax error'],
    ['a:\n\t- 1\n', 'syntax error: a tab'],
    ['a: *nowhere\n', 'syntax error: the anchor it names'],
    ['a: 1\n---\nb: 2\n', 'syntax error: the file holds more than one document'],
    ['a: @x\n', 'syntax error: a text that starts with this character needs quotes'],
  ])('the invalid YAML %j is reported', (text, expected) => {
    const [line] = problemLines(loadFile(text, {}, 'config.yaml').problems)
    expect(line).toMatch(/^\d+:\d+ error /)
    expect(line).toContain(expected)
  })

  test('no syntax error quotes the text of the file', () => {
    for (const [text, name] of [
      ['{"api_key": "sk-canary" "x"}', 'config.json'],
      ['api_key: "sk-canary"x\n', 'config.yaml'],
      ['sk-canary: @x\n', 'config.yaml'],
      ['a: [sk-canary\n', 'config.yaml'],
      ['a: *sk-canary\n', 'config.yaml'],
      ['a: !sk-canary x\n', 'config.yaml'],
    ] as const) {
      const { problems } = loadFile(text, {}, name)
      expect(problems.length).toBeGreaterThan(0)
      expect(renderProblems(problems)).not.toContain('canary')
    }
  })
})

describe('JSON and YAML', () => {
  test('comments, trailing commas and a byte order mark are accepted', () => {
    const text = '\uFEFF{ // one\n /* two */ "server_port": ":8080", "services": {"mock": [{"enabled": true,},],}, }'
    expect(loadFile(text).compiled?.port).toBe(8080)
  })

  test('a UTF-16 file as Windows writes it is accepted', () => {
    const bytes = Buffer.from('\uFEFF{"server_port": 8081}', 'utf16le')
    expect(loadFile(bytes).compiled?.port).toBe(8081)
  })

  test('with another extension the format is detected from the text', () => {
    expect(loadFile('{"server_port": 8082}', {}, 'settings').compiled?.port).toBe(8082)
    expect(loadFile('server_port: 8083', {}, 'settings.conf').compiled?.port).toBe(8083)
  })

  test('the same configuration in JSON and YAML compiles to the same result', () => {
    const json = `{
      "server_port": ":9091", "api_key": "sk-gate-1", "load_balancing": "rr",
      "services": { "openai": [
        { "models": ["a", "b*"], "enabled": true, "server_url": "https://h/v1/", "model_map": { "a": "A 1" },
          "limit": { "qps": 0.5, "timeout": 20 }, "credential_list": [ { "api_key": "sk-one" }, { "api_key": "sk-two", "limit": { "rpm": 3 } } ],
          "params": { "temperature": 0.2, "stop": ["x"] } } ] },
      "translation": { "promptTemplate": "%s %s" } }`
    const yaml = `
server_port: ":9091"
api_key: sk-gate-1
load_balancing: rr
services:
  openai:
    - models: [a, "b*"]
      enabled: yes
      server_url: https://h/v1/
      model_map: { a: A 1 }
      limit: { qps: 0.5, timeout: 20 }
      credential_list:
        - api_key: sk-one
        - api_key: sk-two
          limit: { rpm: 3 }
      params: { temperature: 0.2, stop: [x] }
translation:
  prompt_template: "%s %s"
`
    const [fromJson, fromYaml] = [loadFile(json), loadFile(yaml, {}, 'config.yml')]
    expect(fromJson.compiled).toBeDefined()
    expect({ ...fromYaml.compiled, path: '' }).toEqual({ ...fromJson.compiled!, path: '' })
    expect(fromYaml.problems.filter(({ level }) => level !== 'note')).toEqual([])
  })

  test('unquoted YAML numbers are accepted as text, digit for digit', () => {
    const yaml = `
server_port: 9090
services:
  openai:
    - models: [4.0, 1e3]
      enabled: true
      credentials: { api_key: 0012345678901234567890 }
      model_map: { 4.0: 5.10 }
`
    const { compiled } = loadFile(yaml, {}, 'config.yaml')
    const [entry] = compiled!.entries
    expect(entry!.models).toEqual(['4.0', '1e3'])
    expect([...entry!.map]).toEqual([['4.0', '5.10']])
    expect(entry!.credentials[0]!.values['api_key']).toBe('0012345678901234567890')
  })

  test('YAML anchors and merge keys are resolved', () => {
    const yaml = `
x-shared: &shared
  enabled: true
  credentials: { api_key: sk-shared }
  models: [base]
services:
  openai:
    - { <<: *shared, models: [a] }
    - <<: [*shared, { models: [never], weight: 3 }]
`
    const { compiled, problems } = loadFile(yaml, {}, 'config.yaml')
    expect(problemLines(problems)).toEqual([])
    expect(compiled!.entries.map(({ models, weight }) => ({ models, weight }))).toEqual([
      { models: ['a'], weight: 1 },
      { models: ['base'], weight: 3 },
    ])
  })

  test('an alias bomb and circular aliases are refused quickly', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
    for (let i = 1; i < 9; i++)
      lines.push(
        `a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      )
    const elapsed = stopwatch()
    expect(problemLines(loadFile(lines.join('\n'), {}, 'c.yaml').problems).join()).toContain('unfold to more than')
    expect(problemLines(loadFile('a: &a [*a]\n', {}, 'c.yaml').problems).join()).toContain('unfold to more than')
    expect(problemLines(loadFile('a: &a\n  <<: *a\n', {}, 'c.yaml').problems).join()).toContain('unfold to more than')
    expect(elapsed()).toBeLessThan(3000)
  })

  test('of a repeated key the last value is used, with a warning', () => {
    const text = '{\n "server_port": 1,\n "server_port": 8084\n}'
    const { compiled, problems } = loadFile(text)
    expect(compiled?.port).toBe(8084)
    expect(problemLines(problems)).toContain('3:2 warning server_port: written twice; the one in line 2 is ignored')
    const yaml = loadFile('server_port: 1\nserver_port: 8084\n', {}, 'c.yaml')
    expect(yaml.compiled?.port).toBe(8084)
    expect(problemLines(yaml.problems)).toContain(
      '2:1 warning server_port: written twice; the one in line 1 is ignored',
    )
  })

  test('keys that would reach a prototype are refused', () => {
    for (const key of ['__proto__', 'constructor', 'prototype']) {
      const { compiled, problems } = loadFile(`{"model_redirect": {"${key}": "x"}}`)
      expect(compiled).toBeUndefined()
      expect(problemLines(problems)).toContain(`1:21 error model_redirect.${key}: this key is refused`)
      expect(loadFile(`model_redirect:\n  ${key}: x\n`, {}, 'c.yaml').compiled).toBeUndefined()
    }
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
  })
})

describe('variables', () => {
  const environment = { KEY: 'sk-from-env', PORT: '8085', ON: 'true', EMPTY: '', RPM: '12', TRICK: '${KEY}' }

  test('variables are replaced in any string, with and without a default', () => {
    const config = configWithEntry({
      models: ['${MODEL:-m-1}', 'pre-${PORT}-post'],
      credentials: { api_key: '${KEY}' },
    })
    const [entry] = compiledOf(config, environment).entries
    expect(entry!.models).toEqual(['m-1', 'pre-8085-post'])
    expect(entry!.credentials[0]!.values['api_key']).toBe('sk-from-env')
  })

  test('an empty variable takes the default and counts as set', () => {
    const compiled = compiledOf(
      { ...configWithEntry({}), default_model: '${EMPTY:-m}', api_key: '${EMPTY}' },
      environment,
    )
    expect(compiled.defaultModel).toBe('m')
    expect(compiled.keys).toEqual([])
  })

  test('$${ is an escape, other dollar signs are kept, and values are not expanded again', () => {
    const config = configWithEntry({ models: ['$${KEY}', '$KEY', '${not a name}', 'x${TRICK}'] })
    expect(compiledOf(config, environment).entries[0]!.models).toEqual(['${KEY}', '$KEY', '${not a name}', 'x${KEY}'])
  })

  test('an unset variable is an error with its name, path and line', () => {
    const text =
      '{\n  "services": { "openai": [ {\n    "models": ["m"], "enabled": true,\n    "credentials": {\n      "api_key": "${MISSING_KEY}" } } ] }\n}'
    const { compiled, problems } = loadFile(text)
    expect(compiled).toBeUndefined()
    expect(problemLines(problems)).toEqual([
      '5:7 error services.openai[0].credentials.api_key: the environment variable MISSING_KEY is not set, and ${MISSING_KEY} has no default',
    ])
  })

  test('an unset variable in a disabled entry is a warning', () => {
    const config = configWithEntry({ enabled: false, credentials: { api_key: '${MISSING_KEY}' } })
    expect(problemsOf(config).join('\n')).toContain(
      'warning services.openai[0].credentials.api_key: the environment variable MISSING_KEY',
    )
  })

  test('strings from variables are converted to numbers and booleans', () => {
    const config = configWithEntry({ enabled: '${ON}', limit: { rpm: '${RPM}' } }, 'openai', {
      server_port: '${PORT}',
      heartbeat: '${EMPTY:-7.5}',
    })
    const compiled = compiledOf(config, environment)
    expect(compiled).toMatchObject({ port: 8085, heartbeat: 7.5 })
    expect(compiled.entries[0]!.limit.rpm).toBe(12)
    expect(entryOf({ proxy: false }).proxy).toBe(false)
    expect(compiledOf(configWithEntry({ proxy: '${P}' }), { P: 'false' }).entries[0]!.proxy).toBe(false)
  })

  test('a literal string is not converted to a number', () => {
    expect(problemsOf(configWithEntry({ limit: { rpm: '12' } }))).toEqual([
      'error services.openai[0].limit.rpm: must be a number, not text',
    ])
    expect(problemsOf(configWithEntry({ limit: { rpm: '${KEY}' } }), environment)).toEqual([
      'error services.openai[0].limit.rpm: must be a number, not text',
    ])
  })

  test('.env next to the file is read, and the environment overrides it', () => {
    const path = writeTempFile(
      JSON.stringify({ ...configWithEntry({ credentials: { api_key: '${A}' } }), api_key: '${B}' }),
    )
    writeFileSync(join(path, '..', '.env'), '# keys\nexport A="from file"\nB=file-too\n')
    const { compiled } = load(path, { B: 'from-environment' })
    expect(compiled!.entries[0]!.credentials[0]!.values['api_key']).toBe('from file')
    expect(compiled!.secrets).toContain('from-environment')
    expect(compiled!.secrets).not.toContain('file-too')
  })

  test('the .env format supports comments, quotes, export and CRLF', () => {
    const text = `\uFEFF
# a comment
PLAIN=one two
  SPACED = x
QUOTED="a # b\\n\\"c\\""  # after
SINGLE='$x "y" \\n'
COMMENTED=value # rest
HASH=a#b
EMPTY=
NOTHING= # only a comment
export EXPORTED=yes
no assignment
`
    const parsed = parseEnvironmentFile(text.replaceAll('\n', '\r\n'))
    expect({ ...parsed }).toEqual({
      PLAIN: 'one two',
      SPACED: 'x',
      QUOTED: 'a # b\n"c"',
      SINGLE: '$x "y" \\n',
      COMMENTED: 'value',
      HASH: 'a#b',
      EMPTY: '',
      NOTHING: '',
      EXPORTED: 'yes',
    })
    expect(Object.getPrototypeOf(parsed)).toBeNull()
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
  })
})

test('parentOf reverses pathTo', () => {
  const path = pathTo(pathTo(pathTo(pathTo('', 'services'), 'openai'), 0), 'a "b".c')
  expect(path).toBe('services.openai[0]["a \\"b\\".c"]')
  expect([path, parentOf(path), parentOf(parentOf(path)), parentOf('services')]).toEqual([
    'services.openai[0]["a \\"b\\".c"]',
    'services.openai[0]',
    'services.openai',
    '',
  ])
})

test('nearest suggests the most similar word', () => {
  expect(distanceBetween('kitten', 'sitting')).toBe(3)
  expect(distanceBetween('abcd', 'abdc')).toBe(1)
  expect(nearest('load_balancng', ['load_balancing', 'log_level'])).toBe('load_balancing')
  expect(nearest('ServerUrl', ['server_url', 'server_port'])).toBe('server_url')
  expect(nearest('something', ['else', 'entirely'])).toBeUndefined()
})

test('problems of a text without a file have positions too', () => {
  expect(problemLines(loadText('{\n"heartbeat": -1 }', {}).problems)).toEqual([
    '2:1 error heartbeat: must not be negative',
  ])
})
