/** What `random` stands for, and who may ask for it. */

/** As much of a caller as counts here; the object itself is the key of what is kept. */
type ScopedCaller = { canUse: (model: string) => boolean; scopes?: readonly string[] }

export type RandomPool = {
  /** May this caller name this model; `random` also by who may name any chat model. */
  canUseModel: (model: string, caller: ScopedCaller) => boolean
  /** The chat models `random` stands for when this caller says it: those it may name, all of them where its scopes name nothing but `random`. */
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
