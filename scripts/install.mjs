// Installs the packages of package-lock.json, unless exactly these are installed. Runs on plain Node, before anything
// is installed.
// `npm start` uses `exec`, so that no shell between npm and the gateway takes the signals that npm forwards. The shell of
// Windows has no `exec` command, so this script creates one.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

const list = 'node_modules/.package-lock.json'

/** Whether each package is installed as the lockfile says. npm lists what it has installed when it is done. */
const isInstalled = () => {
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
  // Packages run no code of theirs. Only Bun's script is needed: it puts the executable for this machine in its place.
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund']
  const stdio = ['ignore', 2, 2]
  const { status } = spawnSync(command, [...args, ...flags], { stdio, shell: !npm })
  if (status !== 0) process.exit(status ?? 1)
  const bun = spawnSync(process.execPath, ['install.js'], { stdio, cwd: 'node_modules/bun' })
  if (bun.status !== 0) {
    // Without npm's list the next run installs again.
    rmSync(list, { force: true })
    process.exit(bun.status ?? 1)
  }
}

const word = 'node_modules/.bin/exec.cmd'
if (process.platform === 'win32' && !existsSync(word)) writeFileSync(word, '@%*\r\n')
