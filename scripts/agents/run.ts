/**
 * `npm run agents` runs Claude Code and Codex from npm, headless, through the gateway. A scripted model uses a tool
 * twice, over a vendor of Chat Completions and one of Gemini. The agents are installed into a temporary folder, or into
 * the folder that AGENTS names, which is kept. Exits with 1 if one fails.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { $ } from 'bun'
import { startModel } from './scripted-model.ts'

const root = join(import.meta.dir, '../..')
const keptFolder = process.env['AGENTS']
const folder = keptFolder ?? mkdtempSync(join(tmpdir(), 'agents-'))
mkdirSync(folder, { recursive: true })
const bin = (name: string) => join(folder, 'node_modules/.bin', name)
if (!existsSync(bin('claude')) || !existsSync(bin('codex'))) {
  writeFileSync(join(folder, 'package.json'), '{"private": true}')
  await $`npm install --no-audit --no-fund @anthropic-ai/claude-code @openai/codex`.cwd(folder).quiet()
}

const model = startModel()
const port = 20_000 + Math.floor(Math.random() * 20_000)
const workFolder = mkdtempSync(join(tmpdir(), 'agents-work-'))
const entry = (name: string, server_url: string) => ({
  enabled: true,
  models: [name],
  server_url,
  credentials: { api_key: 'k' },
})
const config = {
  server_port: `127.0.0.1:${port}`,
  api_key: 'agent-key',
  services: {
    openai: [entry('over-chat', `${model.url}/v1`)],
    gemini: [entry('over-gemini', `${model.url}/v1beta`)],
  },
}
writeFileSync(join(workFolder, 'config.json'), JSON.stringify(config))
const gateway = Bun.spawn(
  [process.execPath, '--no-env-file', join(root, 'src/main.ts'), join(workFolder, 'config.json')],
  {
    stdout: Bun.file(join(workFolder, 'gateway.log')),
    stderr: 'ignore',
  },
)
const url = `http://127.0.0.1:${port}`
for (
  let tries = 0;
  tries < 100 &&
  !(await fetch(`${url}/healthz`).then(
    () => true,
    () => false,
  ));
  tries++
)
  await Bun.sleep(50)

const home = join(workFolder, 'home')
mkdirSync(join(home, '.codex'), { recursive: true })
const task = 'Run the two commands you need and tell me what they said.'
const baseEnv = {
  PATH: process.env['PATH'] ?? '',
  HOME: home,
  CODEX_HOME: join(home, '.codex'),
  OPENAI_API_KEY: 'agent-key',
  NO_PROXY: '127.0.0.1',
}

const claude = (name: string) => ({
  command: [bin('claude'), '-p', task, '--model', name, '--allowedTools', 'Bash', '--output-format', 'text'],
  env: {
    ...baseEnv,
    ANTHROPIC_BASE_URL: url,
    ANTHROPIC_API_KEY: 'agent-key',
    ANTHROPIC_MODEL: name,
    ANTHROPIC_SMALL_FAST_MODEL: name,
    ANTHROPIC_DEFAULT_HAIKU_MODEL: name,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    IS_SANDBOX: '1',
  },
})
const provider = `model_providers.gateway={name="gateway",base_url="${url}/v1",env_key="OPENAI_API_KEY",wire_api="responses"}`
const codex = (name: string) => ({
  command: [
    bin('codex'),
    'exec',
    '--skip-git-repo-check',
    '--dangerously-bypass-approvals-and-sandbox',
    ...['-c', provider, '-c', 'model_provider="gateway"', '-m', name, task],
  ],
  env: baseEnv,
})

const agents = { 'Claude Code': claude, Codex: codex }
let failed = 0
for (const [agent, command] of Object.entries(agents))
  for (const name of ['over-chat', 'over-gemini']) {
    const projectFolder = mkdtempSync(join(workFolder, 'project-'))
    const { command: argv, env } = command(name)
    const before = model.requests.length
    const agentProcess = Bun.spawn(argv, { cwd: projectFolder, env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
    const timer = setTimeout(() => agentProcess.kill(), 120_000)
    const [stdout, stderr] = await Promise.all([
      new Response(agentProcess.stdout).text(),
      new Response(agentProcess.stderr).text(),
    ])
    const code = await agentProcess.exited
    clearTimeout(timer)
    const succeeded = code === 0 && stdout.includes('first-21') && stdout.includes('second-22')
    if (!succeeded) failed++
    console.log(
      `${succeeded ? 'good  ' : 'FAILED'}  ${agent}, ${name}: ${model.requests.length - before} requests; ${stdout.trim().split('\n').at(-1)}`,
    )
    if (!succeeded) console.log(`exit ${code}\n${stdout}\n${stderr}`)
  }
gateway.kill()
model.stop()
if (failed > 0) console.log(await Bun.file(join(workFolder, 'gateway.log')).text())
rmSync(workFolder, { recursive: true, force: true })
if (!keptFolder) rmSync(folder, { recursive: true, force: true })
process.exit(failed > 0 ? 1 : 0)
