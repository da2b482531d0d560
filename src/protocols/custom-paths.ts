/** The syntax of paths that a configuration may name. */

/**
 * Whether this is a valid path below `/v1/`. Names of Object.prototype are rejected because tables of protocols are
 * looked up by path.
 */
export const isValidPath = (name: string): boolean =>
  /^[\w.~!$&'()*+,;=:@-]+(?:\/[\w.~!$&'()*+,;=:@-]+)*$/.test(name) &&
  !name.split('/').some(segment => segment === '.' || segment === '..') &&
  !(name in Object.prototype)
