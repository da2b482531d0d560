/** Files that are imported for their path only. */
declare module '*/standalone.js' {
  const path: string
  export default path
}

/** https://github.com/tc39/proposal-json-parse-with-source: in the runtime, and not yet in the types of TypeScript 5.9. */
interface JSON {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown
  rawJSON(text: string): { rawJSON: string }
  isRawJSON(value: unknown): value is { rawJSON: string }
}
