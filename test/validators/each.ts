/** The state machine of each client protocol under one name: test/validators/<id>.ts has `check`, or `readStream`. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Frame, Ingress } from '../../src/protocols/protocol.ts'

type Machine = {
  check?: (frames: readonly Frame[]) => string[]
  readStream?: (text: string, model: string, rendered: boolean) => unknown
}

const machines = new Map<string, Machine>()

/** Loads the machines of these protocols; gives those that have none. */
export const loadMachines = async (ids: readonly string[]): Promise<string[]> => {
  const files = ids.map(id => ({ id, file: join(import.meta.dir, `${id}.ts`) }))
  for (const { id, file } of files) if (existsSync(file)) machines.set(id, (await import(file)) as Machine)
  return ids.filter(id => !machines.has(id))
}

/** Throws at what is not as documented. The stream must have ended well. `rendered`: it is not the vendor's own, passed. */
export const strictly = (protocol: Ingress, frames: readonly Frame[], model: string, rendered: boolean): void => {
  const machine = machines.get(protocol.id)
  machine?.readStream?.(frames.map(protocol.renderFrame).join(''), model, rendered)
  const wrong = machine?.check?.(frames) ?? []
  if (wrong.length > 0) throw new Error(wrong.join('\n'))
}
