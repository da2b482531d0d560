/** Limits how many requests may be sent twice because their first attempt is silent. */
import { MinuteCounter } from './health/minute-counter.ts'

/** The part of the requests of the last minute. */
const share = 0.05
/** Always allowed within a minute: a gateway with little traffic has slow vendors too. */
const minimum = 1

export class OvertakeBudget {
  readonly #requests = new MinuteCounter()
  readonly #taken = new MinuteCounter()

  /** @param now milliseconds of a monotonic clock */
  constructor(private readonly now: () => number = () => performance.now()) {}

  noteRequest(): void {
    this.#requests.add(this.now())
  }

  mayTake(): boolean {
    const now = this.now()
    return this.#taken.count(now) < Math.max(minimum, share * this.#requests.count(now))
  }

  take(): void {
    this.#taken.add(this.now())
  }
}
