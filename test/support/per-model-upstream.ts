/**
 * A vendor where each model answers with its own script, so that tests which spend time waiting can run in parallel.
 */
import { type ReceivedRequest, type Script, scriptedUpstream, type Upstream } from './scripted-upstream.ts'

export type PerModelUpstream = Omit<Upstream, 'setScript'> & {
  /** The value for `models` in the configuration. */
  modelPattern: string
  /** Registers `script` under a new model name and returns the name. No other test uses this name. */
  addModel: (script: Script) => string
  requestsOf: (addModel: string) => ReceivedRequest[]
}

const modelOf = (received: ReceivedRequest): string => (received.json() as { model: string }).model

export const perModelUpstream = async (): Promise<PerModelUpstream> => {
  const scripts = new Map<string, Script>()
  const upstream = await scriptedUpstream((answer, request) => scripts.get(modelOf(request))!(answer, request))
  return Object.assign(upstream, {
    modelPattern: 'apart-*',
    addModel: (script: Script) => {
      const model = `apart-${scripts.size}`
      scripts.set(model, script)
      return model
    },
    requestsOf: (model: string) => upstream.requests.filter(received => modelOf(received) === model),
  })
}
