/** A port that nobody can connect to, nor is refused by: its queue is full and nobody empties it. */
import { connect, type Socket } from 'node:net'

export type Deaf = { port: number; close: () => void }

const program = `
  const server = require('node:net').createServer()
  server.listen({ port: 0, host: '127.0.0.1' }, () => {
    process.stdout.write(server.address().port + '\\n')
    setTimeout(() => Bun.sleepSync(60_000), 10)
  })`

/** Another process listens and sleeps; here the queue of its port is filled until connections hang. */
export const deafPort = async (): Promise<Deaf> => {
  const child = Bun.spawn([process.execPath, '-e', program], {
    stdout: 'pipe',
    stderr: 'inherit',
    env: { ...process.env, BUN_BE_BUN: '1' },
  })
  const reader = child.stdout.getReader()
  const port = Number(new TextDecoder().decode((await reader.read()).value))
  await Bun.sleep(30)
  const sockets: Socket[] = []
  const knock = () =>
    new Promise<boolean>(resolve => {
      const socket = connect(port, '127.0.0.1', () => resolve(true))
      sockets.push(socket.on('error', () => resolve(false)))
      setTimeout(resolve, 150, false)
    })
  const close = () => {
    child.kill('SIGKILL')
    for (const socket of sockets) socket.destroy()
  }
  for (let round = 0; round < 80; round++) {
    const connected = await Promise.all(Array.from({ length: 64 }, knock))
    if (!connected.includes(true)) return { port, close }
  }
  close()
  throw new Error('the queue of the port could not be filled')
}
