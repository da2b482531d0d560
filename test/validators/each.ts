/** The state machine of each client protocol under one name: test/validators/<id>.ts has `check`, or `readStream`. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Frame, Ingress } from '../../src/protocols/protocol.ts'

type StreamValidator = {
  check?: (frames: readonly Frame[]) => string[]
  readStream?: (text: string, model: string, rendered: boolean) => unknown
}

const validators = new Map<string, StreamValidator>()

/** Loads the machines of these protocols; gives those that have none. */
export const loadValidators = async (ids: readonly string[]): Promise<string[]> => {
  const files = ids.map(id => ({ id, file: join(import.meta.dir, `${id}.ts`) }))
  for (const { id, file } of files) if (existsSync(file)) validators.set(id, (await import(file)) as StreamValidator)
  return ids.filter(id => !validators.has(id))
}

/** Throws at what is not as documented. The stream must have ended well. `rendered`: it is not the vendor's own, passed. */
export const assertValidStream = (
  protocol: Ingress,
  frames: readonly Frame[],
  model: string,
  rendered: boolean,
): void => {
  const validator = validators.get(protocol.id)
  validator?.readStream?.(frames.map(protocol.renderFrame).join(''), model, rendered)
  const problems = validator?.check?.(frames) ?? []
  if (problems.length > 0) throw new Error(problems.join('\n'))
}
