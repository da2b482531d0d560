/** Everything that is built from a configuration, and the stores that outlive it. */
import type { ClientAddresses } from '../auth/client-address.ts'
import type { Auth } from '../auth/keys.ts'
import type { OpenAccessRule } from '../auth/open-access.ts'
import { createWrongKeys, type WrongKeys } from '../auth/wrong-keys.ts'
import type { Redact } from '../base/redact.ts'
import type { CompiledConfig } from '../config/compiled.ts'
import type { Limits } from '../limits/limits.ts'
import { memoryLimits } from '../limits/memory.ts'
import type { Target } from '../providers/entry.ts'
import { Health } from '../routing/health/health.ts'
import type { OvertakeBudget } from '../routing/overtake-budget.ts'
import type { RoundRobinPositions } from '../routing/policies.ts'
import type { RetryBudget } from '../routing/retry-budget.ts'
import type { Router } from '../routing/router.ts'
import { createTargetStats, type TargetStats } from '../routing/target-stats.ts'
import { type AnswerStore, createAnswerStore } from '../store/answers.ts'
import { createSealStore, type SealStore } from '../store/seals.ts'
import type { Log } from '../telemetry/log.ts'
import { RequestRecords } from '../telemetry/request-lifetime.ts'
import { createVendorConnections, type VendorConnections } from '../upstream/connection/connections.ts'
import { quotaResetsIn } from './quota-reset.ts'
import type { StreamUsage } from './stream-usage.ts'

/** State that outlives a configuration: counters, open requests, connections, measurements and the data of conversations. */
export type LongLivedState = {
  limits: Limits
  health: Health
  records: RequestRecords
  seals: SealStore
  answers: AnswerStore
  targetStats: TargetStats
  roundRobinPositions: RoundRobinPositions
  connections: VendorConnections
  wrongKeys: WrongKeys
}

/** Everything a request needs. It is built completely from one configuration and replaced in a single assignment. */
export type Runtime = LongLivedState & {
  settings: CompiledConfig
  auth: Auth
  openAccess: OpenAccessRule
  clientAddresses: ClientAddresses
  router: Router
  streamUsage: StreamUsage
  retryBudget: RetryBudget
  overtakeBudget: OvertakeBudget
  /** Targets whose vendor answered that it does not count tokens. A new configuration asks them again. */
  targetsWithoutCount: WeakSet<Target>
  redact: Redact
}

/** The state at the start of a process: nothing is counted, measured or stored yet. */
export const createLongLivedState = (log: Log, given: Partial<LongLivedState> = {}): LongLivedState => {
  const health = given.health ?? new Health({ resetsIn: quotaResetsIn })
  return {
    health,
    limits: memoryLimits({ healthOf: target => health.gateOf(target) }),
    records: new RequestRecords(log, health),
    seals: createSealStore(),
    answers: createAnswerStore(),
    targetStats: createTargetStats(),
    roundRobinPositions: new Map(),
    connections: createVendorConnections(),
    wrongKeys: createWrongKeys(),
    ...given,
  }
}
