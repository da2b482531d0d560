/** The limits of what one request may hold. */
import { group, integer } from './fields.ts'

const items = (description: string, defaultValue: number) => integer(description, { minimum: 1, default: defaultValue })

const MaxItemsSchema = group(
  {
    messages: items('Messages of a conversation, or its items.', 20_000),
    tools: items('Tools that the model may call.', 2000),
    calls: items('Tool calls in all messages together.', 20_000),
    stop_sequences: items('Stop sequences.', 1000),
    inputs: items('Texts that are answered one by one: to embed, to rank, to translate or to complete.', 10_000),
    parts: items(
      'Requests into which one request is split, because the vendor takes fewer inputs at once than it holds.',
      2000,
    ),
    form_fields: items('Fields of a form, files included.', 10_000),
    media: items('Images, recordings and documents, inline or by URL.', 2000),
  },
  {
    description:
      'How many of each one request may hold. A request beyond a limit is refused with 400, which names the field and the limit.',
  },
)

/** The keys of the configuration that limit a request, besides `max_body`. */
export const requestLimits = {
  max_values: integer(
    'How many JSON values one request may hold: objects, lists, strings and keys count one each, numbers a tenth. Parsing takes up to 30 times the memory of a body, so a request beyond it is refused unparsed with 413.',
    { unit: 'values', minimum: 1, default: 200_000 },
  ),
  max_items: MaxItemsSchema,
}
