/** Everything that is made of a configuration, and what outlives it. */
import type { Auth } from '../auth/keys.ts'
import type { Redact } from '../base/redact.ts'
import type { CompiledConfig } from '../config/compiled.ts'
import type { Limits } from '../limits/limits.ts'
import type { Router } from '../routing/router.ts'
import type { AnswerStore } from '../store/answers.ts'
import type { SealStore } from '../store/seals.ts'
import type { RequestRecords } from '../telemetry/request-record.ts'

/** Everything a request needs, built whole from one configuration and replaced in one assignment. */
export type Runtime = {
  settings: CompiledConfig
  auth: Auth
  router: Router
  limits: Limits
  records: RequestRecords
  seals: SealStore
  answers: AnswerStore
  redact: Redact
}
