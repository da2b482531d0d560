/** Startup: which configuration and address are used, and what is printed. */
import { beforeAll, describe, expect, test } from 'bun:test'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sendRequest } from '../support/client.ts'
import { freePort, runGateway, startGateway } from '../support/gateway-process.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { waitUntil } from '../support/wait-until.ts'

const mockOf = (model: string) => JSON.stringify({ services: { mock: [{ enabled: true, models: [model] }] } })
const root = join(import.meta.dir, '../..')

/** Runs the gateway in a directory until it listens. Returns its output and a disposer. */
const launch = async (folder: string, args: string[], env: Record<string, string> = {}) => {
  const binary = process.env['SIMPLE_ONE_API_BINARY']
  const command = binary ? [binary] : [process.execPath, '--no-env-file', join(root, 'src/main.ts')]
  const port = await freePort()
  const child = Bun.spawn([...command, ...args, '--port', String(port)], {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
  })
  let stderr = ''
  const decoder = new TextDecoder()
  const reading = (async () => {
    for await (const bytes of child.stderr) stderr += decoder.decode(bytes, { stream: true })
  })()
  const url = `http://127.0.0.1:${port}`
  const isUp = () =>
    fetch(`${url}/healthz`, { proxy: false } as RequestInit).then(
      response => response.ok,
      () => false,
    )
  await waitUntil(async () => child.exitCode !== null || (await isUp()), 10_000)
  return {
    url,
    port,
    stderr: () => stderr,
    models: async () => {
      const response = await fetch(`${url}/v1/models`, { proxy: false } as RequestInit)
      return ((await response.json()) as { data: { id: string }[] }).data.map(({ id }) => id)
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await child.exited
      await reading
    },
  }
}

const folder = tempFolder()
beforeAll(async () => {})
const createDirectory = async (name: string, files: Record<string, string>) => {
  const directory = join(folder, name)
  await mkdir(join(directory, 'config'), { recursive: true })
  for (const [file, content] of Object.entries(files)) await writeFile(join(directory, file), content)
  return directory
}

describe('the configuration that is used', () => {
  test('without a configuration a mock is served, with a notice', async () => {
    const directory = await createDirectory('nothing', {})
    await using gateway = await launch(directory, ['--host', '127.0.0.1'])
    expect(gateway.stderr()).toContain('MOCK')
    expect(await gateway.models()).toContain('mock')
    const response = await sendRequest(gateway, { model: 'mock' })
    expect([response.status, await response.json()]).toMatchObject([
      200,
      { choices: [{ message: { content: expect.stringContaining('Hi') } }] },
    ])
  })

  const all = {
    'config.json': mockOf('here-json'),
    'config.yaml': mockOf('here-yaml'),
    'config.yml': mockOf('here-yml'),
    'config/config.json': mockOf('below-json'),
    'config/config.yml': mockOf('below-yml'),
  }
  for (const [name, without, model] of [
    ['config.json in the working directory comes first', [], 'here-json'],
    ['config.yaml is used if there is no config.json', ['config.json'], 'here-yaml'],
    ['config.yml is used if there is neither config.json nor config.yaml', ['config.json', 'config.yaml'], 'here-yml'],
    ['config/ is used if there is no such file', ['config.json', 'config.yaml', 'config.yml'], 'below-json'],
  ] as const)
    test(name, async () => {
      const files = Object.entries(all).filter(([file]) => !without.some(other => other === file))
      const directory = await createDirectory(name.replaceAll(/\W/g, '-'), Object.fromEntries(files))
      const { code, stdout } = await runModels(directory)
      expect([code, stdout]).toEqual([0, expect.stringContaining(`mock-1/${model}`)])
    })

  test('the file named on the command line is used, with or without `serve`, also below config/', async () => {
    const directory = await createDirectory('named', {
      'config.json': mockOf('default'),
      'other.yaml': mockOf('other'),
      'config/deep.json': mockOf('deep'),
    })
    await using gateway = await launch(directory, ['serve', 'other.yaml', '--host', '127.0.0.1'])
    expect(await gateway.models()).toContain('other')
    expect((await runModels(directory, 'deep.json')).stdout).toContain('mock-1/deep')
  })

  test('variables come from the environment first and then from the `.env` next to the file', async () => {
    const config =
      '{"services":{"mock":[{"enabled":true,"models":["${NAME_A}","${NAME_B}","${NAME_C:-fallback}","$${plain}"]}]}}'
    const directory = await createDirectory('variables', {
      'config.json': config,
      '.env': 'NAME_A=from-file\nexport NAME_B="also from file"\n',
    })
    await using gateway = await launch(directory, ['--host', '127.0.0.1'], { NAME_A: 'from-environment' })
    const models = await gateway.models()
    for (const model of ['from-environment', 'also from file', 'fallback', '${plain}']) expect(models).toContain(model)
  })

  test('the `.env` of the working directory is ignored if the configuration is elsewhere', async () => {
    const directory = await createDirectory('elsewhere', { '.env': 'NAME_D=wrong' })
    const otherDirectory = await createDirectory('there', {
      'config.json': '{"services":{"mock":[{"enabled":true,"models":["${NAME_D:-right}"]}]}}',
    })
    expect((await runModels(directory, join(otherDirectory, 'config.json'))).stdout).toContain('mock-1/right')
  })
})

const runModels = async (cwd: string, ...args: string[]) => {
  const binary = process.env['SIMPLE_ONE_API_BINARY']
  const command = binary ? [binary] : [process.execPath, '--no-env-file', join(root, 'src/main.ts')]
  const child = Bun.spawn([...command, 'models', ...args], {
    cwd,
    env: { PATH: process.env['PATH'] },
    stdout: 'pipe',
    stderr: 'ignore',
  })
  const stdout = await new Response(child.stdout).text()
  return { code: await child.exited, stdout }
}

describe('the startup output', () => {
  const config = {
    load_balancing: 'rr',
    api_key: 'canary-client',
    services: {
      openai: [
        {
          enabled: true,
          id: 'vendor',
          models: Array.from({ length: 30 }, (_, index) => `model-${index}`),
          server_url: 'http://user:canary-url@127.0.0.1:1/v1?key=canary-query',
          credentials: { api_key: 'sk-canary' },
          limit: { qps: 2, rpm: 60, concurrency: 3 },
          proxy: 'http://user:canary-proxy@127.0.0.1:2',
          headers: { 'x-secret': 'canary-header' },
        },
      ],
      mock: [{ enabled: true }],
    },
  }

  test('the banner shows address, configuration, services, models, limits, strategy, proxies and keys, and no secret', async () => {
    await using gateway = await startGateway(config)
    const stderr = gateway.stderr()
    const rows = Object.fromEntries(
      stderr.split('\n').flatMap(line => {
        const row = /^ {2}(\w+) +(.+)$/.exec(line)
        return row ? [[row[1]!, row[2]!]] : []
      }),
    )
    expect(rows).toMatchObject({
      address: `http://127.0.0.1:${gateway.port}/v1`,
      config: expect.stringContaining('config.json'),
      services: 'vendor, mock-1',
      models: expect.stringContaining('more'),
      limits: 'vendor (qps 2, rpm 60, concurrency 3)',
      strategy: 'round_robin',
      proxies: 'vendor by http',
      keys: '1',
    })
    expect(stderr.split('\n').length).toBeLessThan(16)
    expect(stderr + gateway.stdout()).not.toContain('canary')
  })

  test('wildcard models are listed in the banner', async () => {
    await using gateway = await startGateway({ services: { vllm: [{ enabled: true, models: ['*'] }] } })
    expect(gateway.stderr()).toMatch(/^ {2}models +\*$/m)
  })

  test('of many models the banner lists twelve, and says how many it leaves out', async () => {
    const models = Array.from({ length: 15 }, (_, index) => `m${10 + index}`)
    await using gateway = await startGateway({ services: { vllm: [{ enabled: true, models }] } })
    // `random` is a model besides the 15.
    expect(gateway.stderr()).toMatch(/^ {2}models +m10, m11, .*, m20, m21 and 4 more$/m)
  })

  test('a warning is printed if the address is public and no key is set', async () => {
    const directory = await createDirectory('open', { 'config.json': mockOf('m') })
    await using gateway = await launch(directory, [])
    expect(gateway.stderr()).toMatch(/WARNING.*no api_key/)
    expect((await fetch(`${gateway.url}/v1/models`, { proxy: false } as RequestInit)).status).toBe(200)
  })

  for (const host of ['127.0.0.1', 'localhost', '127.0.0.2'])
    test(`no warning is printed on ${host}`, async () => {
      const directory = await createDirectory(`host-${host}`, { 'config.json': mockOf('m') })
      const binary = process.env['SIMPLE_ONE_API_BINARY']
      const command = binary ? [binary] : [process.execPath, '--no-env-file', join(root, 'src/main.ts')]
      const child = Bun.spawn([...command, '--host', host, '--port', String(await freePort())], {
        cwd: directory,
        env: { PATH: process.env['PATH'] },
        stdout: 'ignore',
        stderr: 'pipe',
      })
      const reader = child.stderr.getReader()
      let stderr = ''
      while (!stderr.includes('keys') && !stderr.includes('cannot listen')) {
        const { value, done } = await reader.read()
        if (done) break
        stderr += new TextDecoder().decode(value)
      }
      await Bun.sleep(50)
      child.kill('SIGKILL')
      for (let rest = await reader.read(); !rest.done; rest = await reader.read())
        stderr += new TextDecoder().decode(rest.value)
      expect(stderr).toMatch(/keys +none|cannot listen/)
      expect(stderr).not.toContain('WARNING')
    })

  test('no warning is printed if a key is set', async () => {
    const directory = await createDirectory('keyed', {
      'config.json': JSON.stringify({ api_key: 'k', services: { mock: [{ enabled: true }] } }),
    })
    await using gateway = await launch(directory, [])
    expect(gateway.stderr()).not.toContain('WARNING')
  })
})

describe('the listen address', () => {
  test('the command line overrides the address of the configuration', async () => {
    const port = await freePort()
    const directory = await createDirectory('address', {
      'config.json': JSON.stringify({ server_port: `127.0.0.1:${port}`, services: { mock: [{ enabled: true }] } }),
    })
    await using gateway = await launch(directory, [])
    expect(gateway.port).not.toBe(port)
    expect(gateway.stderr()).toContain(`http://127.0.0.1:${gateway.port}/v1`)
    const reached = await fetch(`http://127.0.0.1:${port}/healthz`, { proxy: false } as RequestInit).then(
      () => 'there',
      () => 'nobody',
    )
    expect(reached).toBe('nobody')
  })

  test('a port that is already in use gives a message and exit code 1', async () => {
    await using gateway = await startGateway({ services: { mock: [{ enabled: true }] } })
    const files = { 'config.json': mockOf('m') }
    for (const host of ['127.0.0.1', '0.0.0.0']) {
      const { code, stderr } = await runGateway(['--host', host, '--port', String(gateway.port)], { files })
      expect([host, code]).toEqual([host, 1])
      expect(stderr).toContain(`cannot listen on ${host}:${gateway.port}: the port is in use`)
      expect(stderr).not.toMatch(/\n\s+at /)
    }
    expect((await sendRequest(gateway, { model: 'mock' })).status).toBe(200)
  })
})
