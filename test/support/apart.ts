/** A vendor of which each model answers by a script of its own, so that tests which wait can wait side by side. */
import { type ReceivedRequest, type Script, scriptedUpstream, type Upstream } from './upstream.ts'

export type PerModelUpstream = Omit<Upstream, 'setScript'> & {
  /** What to configure as its models. */
  modelPattern: string
  /** The name of a model, asked by nobody else, that answers by `script`. */
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
