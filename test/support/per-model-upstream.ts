/**
 * A vendor where each model answers with its own script, so that tests which spend time waiting can run in parallel.
 */
import { type ReceivedRequest, type Script, scriptedUpstream, type Upstream } from './scripted-upstream.ts'

export type PerModelUpstream = Omit<Upstream, 'setScript'> & {
  /** The value for `models` in the configuration. */
  modelPattern: string
  /** Registers `script` under `name`, or under a new name that no other test uses, and returns the name. */
  addModel: (script: Script, name?: string) => string
  requestsOf: (model: string) => ReceivedRequest[]
}

const modelOf = (received: ReceivedRequest): string => (received.json() as { model: string }).model

export const perModelUpstream = async (): Promise<PerModelUpstream> => {
  const scripts = new Map<string, Script>()
  const upstream = await scriptedUpstream((answer, request) => scripts.get(modelOf(request))!(answer, request))
  return Object.assign(upstream, {
    modelPattern: 'apart-*',
    addModel: (script: Script, name = `apart-${scripts.size}`) => {
      scripts.set(name, script)
      return name
    },
    requestsOf: (model: string) => upstream.requests.filter(received => modelOf(received) === model),
  })
}
