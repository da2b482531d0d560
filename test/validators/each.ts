/** The validator of each client protocol under one name: test/validators/<id>.ts exports `check` or `readStream`. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Frame, Ingress } from '../../src/protocols/protocol.ts'

type StreamValidator = {
  check?: (frames: readonly Frame[]) => string[]
  readStream?: (text: string, model: string, rendered: boolean) => unknown
}

const validators = new Map<string, StreamValidator>()

/** Loads the validators of these protocols. Returns the ids of protocols that have none. */
export const loadValidators = async (ids: readonly string[]): Promise<string[]> => {
  const files = ids.map(id => ({ id, file: join(import.meta.dir, `${id}.ts`) }))
  for (const { id, file } of files) if (existsSync(file)) validators.set(id, (await import(file)) as StreamValidator)
  return ids.filter(id => !validators.has(id))
}

/**
 * Throws if the stream deviates from the documentation. The stream must have ended well. `rendered`: the gateway
 * rendered the stream; it was not passed through.
 */
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
