/** The ordered targets of one request. */
import type { ProtocolId } from '../ir/chat.ts'
import type { Target } from '../providers/entry.ts'

export type Plan = {
  /** The model as the client named it (or `default_model`): what its answer carries. */
  model: string
  /** In the order they are to be tried; never empty. */
  targets: readonly Target[]
}

/** What routing needs to know of a request. */
export type Wanted = {
  /** Undefined: the request names none. */
  model: string | undefined
  /** The client's protocol, or the path that passes: only entries that can serve it are planned. */
  protocol: ProtocolId
  caller: Caller
  /** What the `hash` strategy sticks to, worked out only when it asks. */
  affinity: () => string
}

/** Whoever a client key belongs to. */
export type Caller = {
  /** For the log and for affinity; never the key. */
  id: string
  /** May this caller name this model. */
  may: (model: string) => boolean
  /** The scopes as configured; absent: every model. */
  scopes?: readonly string[]
}
