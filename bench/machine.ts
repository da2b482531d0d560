/** Describes the machine that the figures were measured on. */
import { cpus, loadavg, release, totalmem } from 'node:os'
import { $ } from 'bun'
import { nginx, root } from './servers.ts'

const outputOf = async (command: $.ShellPromise): Promise<string> => (await command.quiet().nothrow().text()).trim()

/** A Markdown table. Without nginx, or outside a repository, the respective line says so. */
export const describeMachine = async (): Promise<string> => {
  const commit = await outputOf($`git rev-parse --short HEAD`.cwd(root))
  const changedFiles = await outputOf($`git status --porcelain -- src package-lock.json`.cwd(root))
  const server = nginx ? await outputOf($`${nginx} -v 2>&1`) : 'nginx: not installed'
  const lines: [what: string, is: string][] = [
    ['Processor', `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}`],
    ['Memory', `${Math.round(totalmem() / 2 ** 30)} GB`],
    ['System', `Linux ${release()}, everything on 127.0.0.1`],
    ['Load before the run', loadavg()[0]!.toFixed(2)],
    ['Bun', Bun.version],
    ['nginx', server.replace(/^nginx version: nginx\//, '')],
    ['Gateway', `${commit || 'no repository'}${changedFiles && ', with changes'}`],
    ['Date', new Date().toISOString().slice(0, 10)],
  ]
  return ['| | |', '| --- | --- |', ...lines.map(([what, is]) => `| ${what} | ${is} |`), ''].join('\n')
}
