/** JSON as values, and the one scanner that finds a top-level value in JSON text without rebuilding it. */

export type Json = string | number | boolean | null | Json[] | JsonObject
export type JsonObject = { [key: string]: Json | undefined }

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Where a value stands in the text: `text.slice(start, end)` is the value itself. */
export type Span = { start: number; end: number }
