/** A vendor of which each model answers by a script of its own, so that tests which wait can wait side by side. */
import { type Received, type Script, scriptedUpstream, type Upstream } from './upstream.ts'

export type ApartUpstream = Omit<Upstream, 'become'> & {
  /** What to configure as its models. */
  models: string
  /** The name of a model, asked by nobody else, that answers by `script`. */
  model: (script: Script) => string
  requestsOf: (model: string) => Received[]
}

const modelOf = (received: Received): string => (received.json() as { model: string }).model

export const apartUpstream = async (): Promise<ApartUpstream> => {
  const scripts = new Map<string, Script>()
  const upstream = await scriptedUpstream((answer, request) => scripts.get(modelOf(request))!(answer, request))
  return Object.assign(upstream, {
    models: 'apart-*',
    model: (script: Script) => {
      const model = `apart-${scripts.size}`
      scripts.set(model, script)
      return model
    },
    requestsOf: (model: string) => upstream.requests.filter(received => modelOf(received) === model),
  })
}
