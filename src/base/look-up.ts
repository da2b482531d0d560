/**
 * The entry of a table for a word that a client or a vendor sent; undefined if the table has none. An index alone would
 * also find what every object inherits: `constructor`, `toString`.
 */
export const lookUp = <Value>(table: Readonly<Record<string, Value>>, word: string): Value | undefined =>
  Object.hasOwn(table, word) ? table[word] : undefined
