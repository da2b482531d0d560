/** A port that neither accepts nor refuses connections: its backlog is full and no process accepts from it. */
import { connect, type Socket } from 'node:net'

export type UnresponsivePort = { port: number; close: () => void }

const listenAndSleep = `
  const server = require('node:net').createServer()
  server.listen({ port: 0, host: '127.0.0.1' }, () => {
    require('node:fs').writeSync(1, server.address().port + '\\n')
    Bun.sleepSync(60_000)
  })`

/**
 * Starts a process that listens and then sleeps, and opens connections until the backlog is full and further ones
 * hang.
 */
export const unresponsivePort = async (): Promise<UnresponsivePort> => {
  const child = Bun.spawn([process.execPath, '-e', listenAndSleep], {
    stdout: 'pipe',
    stderr: 'inherit',
    env: { ...process.env, BUN_BE_BUN: '1' },
  })
  const reader = child.stdout.getReader()
  const port = Number(new TextDecoder().decode((await reader.read()).value))
  const sockets: Socket[] = []
  const tryConnect = () =>
    new Promise<boolean>(resolve => {
      const socket = connect(port, '127.0.0.1', () => resolve(true))
      sockets.push(socket.on('error', () => resolve(false)))
      setTimeout(resolve, 150, false)
    })
  const close = () => {
    child.kill('SIGKILL')
    for (const socket of sockets) socket.destroy()
  }
  // On a busy machine a single round without a connection can be a coincidence, so two are required.
  for (let round = 0, silentRounds = 0; round < 80; round++) {
    const connected = await Promise.all(Array.from({ length: 64 }, tryConnect))
    silentRounds = connected.includes(true) ? 0 : silentRounds + 1
    if (silentRounds === 2) return { port, close }
  }
  close()
  throw new Error('the queue of the port could not be filled')
}
