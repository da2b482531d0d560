// Installs the packages of package-lock.json, unless exactly these are installed. Runs on plain Node, before anything
// is installed.
// `npm start` uses `exec`, so that no shell between npm and the gateway takes the signals that npm forwards. The shell of
// Windows has no `exec` command, so this script creates one.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'

/** Whether each package is installed as the lockfile says. npm lists what it has installed when it is done. */
const isInstalled = () => {
  const list = 'node_modules/.package-lock.json'
  if (!existsSync(list) || !existsSync('node_modules/.bin/bun')) return false
  const { packages: installed } = JSON.parse(readFileSync(list, 'utf8'))
  const { packages: wanted } = JSON.parse(readFileSync('package-lock.json', 'utf8'))
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    const found = installed[path]
    // npm leaves out optional packages, which are for other machines.
    if (path === '' || (found === undefined && optional)) return true
    return found?.version === version && found.integrity === integrity
  })
}

if (!isInstalled()) {
  const npm = process.env.npm_execpath
  const [command, args] = npm ? [process.execPath, [npm, 'ci']] : ['npm', ['ci']]
  const { status } = spawnSync(command, [...args, '--no-audit', '--no-fund'], { stdio: ['ignore', 2, 2], shell: !npm })
  if (status !== 0) process.exit(status ?? 1)
}

const word = 'node_modules/.bin/exec.cmd'
if (process.platform === 'win32' && !existsSync(word)) writeFileSync(word, '@%*\r\n')
