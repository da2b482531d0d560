/** The status that a recorded refusal has at the gateway, read from its words without the product's classifier. */

/** Checked by hand over the recordings: these words decide, whatever the status says. */
const decidingWords: readonly (readonly [RegExp, number])[] = [
  [/Content violates usage guidelines/, 400],
  [
    /decommissioned|Invalid model|not a valid model|[Mm]odel\b.{0,60}does not exist|Model not found|[Mm]odel not exist/,
    404,
  ],
  [/not allowed to sample from this model|Model \S+ is not supported/, 404],
  [/too large to process|[Ii]nput token count/, 400],
  [/getting throttled/, 503],
  [/does not support audio input/, 400],
]

export const expectedStatus = (status: number, text: string): number => {
  const [, decided] = decidingWords.find(([words]) => words.test(text)) ?? []
  return decided ?? ([401, 402, 403].includes(status) ? 502 : status)
}
