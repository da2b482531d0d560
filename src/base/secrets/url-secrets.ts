/** The secrets inside a URL that somebody configured: of a vendor or of a proxy. */

/** Query parameters that hold a secret. */
const secretQuery = /key|token|secret|sig|auth|pass|pwd|code|credential|session|jwt|^(?:ak|sk)$/i

/**
 * The account of a URL, as written and decoded, and the query values with a secret name. The account is sent as
 * `user:password` in base64, so the pair is a secret too, and the base64 of it, which a vendor may encode again. A user name without a password is a key.
 */
export const secretsOfUrl = (url: string | undefined): string[] => {
  if (!url) return []
  const [, user = '', password = ''] =
    /^[a-z\d+.-]+:\/\/([^/?#:]*)(?::([^/?#]*))?@/i.exec(url.includes('://') ? url : `socks5://${url}`) ?? []
  const account = password === '' ? [user] : [password, `${user}:${password}`]
  const query = new URLSearchParams(/\?([^#]*)/.exec(url)?.[1] ?? '')
  const values = [...query].flatMap(([name, value]) => (secretQuery.test(name) ? [value] : []))
  const sent = `${decodeOrKeep(user)}:${decodeOrKeep(password)}`
  const found = [...account, ...account.map(decodeOrKeep), ...values, ...(sent === ':' ? [] : [base64(sent)])]
  return [...new Set(found)].filter(text => text !== '')
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

const decodeOrKeep = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
