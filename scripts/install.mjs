// Installs the packages of package-lock.json whenever that file has changed. Runs on plain Node, before anything is
// installed.
// `npm start` uses `exec`, so that no shell between npm and the gateway takes the signals that npm forwards. The shell of
// Windows has no `exec` command, so this script creates one.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'

const stamp = 'node_modules/.lock-digest'
const digest = createHash('sha256').update(readFileSync('package-lock.json')).digest('hex')
const installed = existsSync(stamp) && readFileSync(stamp, 'utf8') === digest && existsSync('node_modules/.bin/bun')

if (!installed) {
  const npm = process.env.npm_execpath
  const [command, args] = npm ? [process.execPath, [npm, 'ci']] : ['npm', ['ci']]
  const { status } = spawnSync(command, [...args, '--no-audit', '--no-fund'], { stdio: ['ignore', 2, 2], shell: !npm })
  if (status !== 0) process.exit(status ?? 1)
  writeFileSync(stamp, digest)
}

const word = 'node_modules/.bin/exec.cmd'
if (process.platform === 'win32' && !existsSync(word)) writeFileSync(word, '@%*\r\n')
