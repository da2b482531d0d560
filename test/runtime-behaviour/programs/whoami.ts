/**
 * Prints its process id, its argument, and what the working directory has injected into it. With `again` it first
 * restarts itself by execve.
 */
const [, , mode] = process.argv
if (mode === 'again' && process.env['FIRST_PID'] === undefined) {
  const { pid, execPath, argv } = process
  const script = argv[1]?.startsWith('/$bunfs/') ? [] : [argv[1]!]
  process.execve!(execPath, [execPath, ...script, ...argv.slice(2)], { ...process.env, FIRST_PID: String(pid) })
}
const { FIRST_PID, FROM_DOTENV, BUN_CONFIG_MAX_HTTP_REQUESTS } = process.env
const preloaded = 'preloaded' in globalThis
console.log(
  JSON.stringify({
    pid: process.pid,
    first: FIRST_PID,
    dotenv: FROM_DOTENV,
    preloaded,
    mode,
    limit: BUN_CONFIG_MAX_HTTP_REQUESTS,
  }),
)

export {}
