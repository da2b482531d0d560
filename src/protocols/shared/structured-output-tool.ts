/** An answer of a given form, asked for by a tool where the model knows no such format, or not beside tools: its call is told as the text. */

import { isObject, type Json } from '../../base/json/json.ts'
import type { ResponseFormat, Tool } from '../../ir/chat.ts'

/** It has a name that none of the client's tools has; and the schema of an object, as every vendor wants it of a tool. */
export const structuredOutputTool = (
  { schema, description = 'Gives the answer. Call it exactly once, with the whole answer.' }: ResponseFormat,
  tools: readonly Tool[] = [],
): Tool & { description: string; schema: Json } => {
  let name = 'json_answer'
  for (let count = 2; tools.some(tool => tool.name === name); count++) name = `json_answer_${count}`
  return { name, description, schema: objectSchema(schema) }
}

/** What the client wrote stays as it is. */
export const objectSchema = (schema: Json | undefined): Json => {
  if (!isObject(schema)) return { type: 'object', properties: {} }
  return schema.type === undefined ? { type: 'object', ...schema } : schema
}
