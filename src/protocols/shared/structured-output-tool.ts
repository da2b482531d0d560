/**
 * Structured output by a tool, for models that support no such format, or not together with tools. The call of this
 * tool is rendered as text.
 */

import { isObject, type Json } from '../../base/json/json.ts'
import type { ResponseFormat, Tool } from '../../ir/chat.ts'

/**
 * The name differs from all of the client's tools. The schema is an object schema, as every vendor requires for a tool.
 */
export const structuredOutputTool = (
  { schema, description = 'Gives the answer. Call it exactly once, with the whole answer.' }: ResponseFormat,
  tools: readonly Tool[] = [],
): Tool & { description: string; schema: Json } => {
  let name = 'json_answer'
  for (let count = 2; tools.some(tool => tool.name === name); count++) name = `json_answer_${count}`
  return { name, description, schema: objectSchema(schema) }
}

/** The client's schema is unchanged, except that a missing type becomes `object`. */
export const objectSchema = (schema: Json | undefined): Json => {
  if (!isObject(schema)) return { type: 'object', properties: {} }
  return schema.type === undefined ? { type: 'object', ...schema } : schema
}
