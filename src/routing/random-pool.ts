/** What `random` stands for, and who may ask for it. */

/** As much of a caller as counts here; the object itself is the key of what is kept. */
type Scoped = { may: (model: string) => boolean; scopes?: readonly string[] }

export type RandomPool = {
  /** May this caller name this model; `random` also by who may name any chat model. */
  mayName: (model: string, caller: Scoped) => boolean
  /** The chat models `random` stands for when this caller says it: those it may name, all of them where its scopes name nothing but `random`. */
  chosenFrom: (caller: Scoped) => readonly string[]
}

const asksNothingButRandom = ({ scopes }: Scoped): boolean =>
  scopes !== undefined && scopes.length > 0 && scopes.every(scope => scope === 'random')

/** @param chats the chat models of the configuration */
export const createRandomPool = (chats: readonly string[]): RandomPool => {
  const nameable = new WeakMap<Scoped, readonly string[]>()
  const nameableBy = (caller: Scoped): readonly string[] => {
    const names = nameable.get(caller) ?? chats.filter(name => caller.may(name))
    nameable.set(caller, names)
    return names
  }
  return {
    mayName: (model, caller) => caller.may(model) || (model === 'random' && nameableBy(caller).length > 0),
    chosenFrom: caller => (asksNothingButRandom(caller) ? chats : nameableBy(caller)),
  }
}
