/** The state machine of each client protocol under one name: test/strict/<id>.ts. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Frame, Ingress } from '../../src/protocols/protocol.ts'
import { readStream } from './openai-chat.ts'

type Machine = { check: (frames: readonly Frame[]) => string[] | undefined }
type Check = (protocol: Ingress, frames: readonly Frame[], model: string) => void

const chat: Check = (protocol, frames, model) => void readStream(frames.map(protocol.renderFrame).join(''), model)

const checks = new Map<string, Check>([['openai-chat', chat]])

/** Loads the machines of these protocols; one without is told. */
export const loadMachines = async (ids: readonly string[]): Promise<string[]> => {
  const missing: string[] = []
  for (const id of ids.filter(one => !checks.has(one))) {
    const file = join(import.meta.dir, `${id}.ts`)
    if (!existsSync(file)) missing.push(id)
    else {
      const { check } = (await import(file)) as Machine
      checks.set(id, (_, frames) => {
        const [wrong] = check(frames) ?? []
        if (wrong !== undefined) throw new Error(wrong)
      })
    }
  }
  return missing
}

/** Throws at what is not as documented. The stream must have ended well. */
export const strictly: Check = (protocol, frames, model) => checks.get(protocol.id)?.(protocol, frames, model)
