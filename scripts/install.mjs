// Installs what package-lock.json names, once for each of its states. Runs on plain Node, before anything is installed.
// `npm start` says `exec`, so that no shell stands between npm and the gateway: it would take the signals that npm passes on.
// The shell of Windows has no such word, and gets it here.
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
