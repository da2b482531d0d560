/** Everything that is built from a configuration, and the stores that outlive it. */
import type { Auth } from '../auth/keys.ts'
import type { Redact } from '../base/redact.ts'
import type { CompiledConfig } from '../config/compiled.ts'
import type { Limits } from '../limits/limits.ts'
import type { Target } from '../providers/entry.ts'
import type { Router } from '../routing/router.ts'
import type { AnswerStore } from '../store/answers.ts'
import type { SealStore } from '../store/seals.ts'
import type { RequestRecords } from '../telemetry/request-lifetime.ts'
import type { StreamUsage } from './stream-usage.ts'

/** Everything a request needs. It is built completely from one configuration and replaced in a single assignment. */
export type Runtime = {
  settings: CompiledConfig
  auth: Auth
  router: Router
  limits: Limits
  records: RequestRecords
  seals: SealStore
  answers: AnswerStore
  streamUsage: StreamUsage
  /** Targets whose vendor answered that it does not count tokens. A new configuration asks them again. */
  targetsWithoutCount: WeakSet<Target>
  redact: Redact
}
