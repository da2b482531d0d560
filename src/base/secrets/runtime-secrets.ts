/** Secrets that the gateway makes or receives while it runs: access tokens, signatures, passwords of its bridge. */
import { SecretIndex } from './secret-index.ts'

/** Takes a secret where it is made. `expiresAt`: when it loses its value, in milliseconds since 1970. */
export type SecretSink = { add(secret: string, expiresAt: number): void }

/** Beyond either bound the secrets that expire first are forgotten. */
const maxSecrets = 4096
const maxCharacters = 512 * 1024

/**
 * The secrets of one process that are not in its configuration, until they expire. Adding one costs little, because a
 * signature is added for every request: it is only searched for once a text has to be redacted.
 */
export class RuntimeSecrets implements SecretSink {
  readonly #expiryOf = new Map<string, number>()
  #pending: string[] = []
  #characters = 0
  #index = new SecretIndex()

  constructor(private readonly now: () => number = Date.now) {}

  add(secret: string, expiresAt: number): void {
    if (secret === '') return
    const known = this.#expiryOf.get(secret)
    if (known === undefined || known < expiresAt) this.#expiryOf.set(secret, expiresAt)
    if (known !== undefined) return
    this.#pending.push(secret)
    this.#characters += secret.length
    if (this.#expiryOf.size > 2 * maxSecrets || this.#characters > 2 * maxCharacters) this.#trim()
  }

  /** How many secrets are kept. */
  get size(): number {
    return this.#expiryOf.size
  }

  /** The index of all secrets added so far. */
  get index(): SecretIndex {
    if (this.#pending.length === 0) return this.#index
    if (this.#expiryOf.size > maxSecrets || this.#characters > maxCharacters) this.#trim()
    for (const secret of this.#pending) this.#index.add(secret)
    this.#pending = []
    return this.#index
  }

  /**
   * Keeps half of what the bounds allow, those that expire last, so that the index is not built anew for every secret
   * beyond them.
   */
  #trim(): void {
    const now = this.now()
    const latestFirst = [...this.#expiryOf].sort(([, one], [, other]) => other - one)
    this.#expiryOf.clear()
    this.#characters = 0
    for (const [secret, expiresAt] of latestFirst) {
      if (expiresAt <= now || this.#expiryOf.size >= maxSecrets / 2) break
      if (this.#characters + secret.length > maxCharacters / 2) break
      this.#expiryOf.set(secret, expiresAt)
      this.#characters += secret.length
    }
    this.#index = new SecretIndex()
    this.#pending = [...this.#expiryOf.keys()]
  }
}
