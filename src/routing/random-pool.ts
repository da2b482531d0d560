/** The models that `random` stands for, and the callers that may request it. */

/** The part of a caller that matters here. The object itself is the key of the cache. */
type ScopedCaller = { canUse: (model: string) => boolean; scopes?: readonly string[] }

export type RandomPool = {
  /** True if this caller may name this model. `random` is also allowed for callers that may name any chat model. */
  canUseModel: (model: string, caller: ScopedCaller) => boolean
  /**
   * The chat models that `random` stands for when this caller requests it: those the caller may name, or all of them if
   * its scopes contain only `random`.
   */
  modelsFor: (caller: ScopedCaller) => readonly string[]
}

const isScopedToRandomOnly = ({ scopes }: ScopedCaller): boolean =>
  scopes !== undefined && scopes.length > 0 && scopes.every(scope => scope === 'random')

/** @param chatModels the chat models of the configuration */
export const createRandomPool = (chatModels: readonly string[]): RandomPool => {
  const usableModels = new WeakMap<ScopedCaller, readonly string[]>()
  const usableBy = (caller: ScopedCaller): readonly string[] => {
    const names = usableModels.get(caller) ?? chatModels.filter(name => caller.canUse(name))
    usableModels.set(caller, names)
    return names
  }
  return {
    canUseModel: (model, caller) => caller.canUse(model) || (model === 'random' && usableBy(caller).length > 0),
    modelsFor: caller => (isScopedToRandomOnly(caller) ? chatModels : usableBy(caller)),
  }
}
