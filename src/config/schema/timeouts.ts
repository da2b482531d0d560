/** How long the gateway waits for a vendor. */
import { group, seconds } from './fields.ts'

export const TimeoutsSchema = group(
  {
    connect: seconds('Time to connect to the vendor. Raise it for slow networks or proxies.', 10),
    first_byte: seconds(
      'Time from the end of the request to the first byte of the response. Raise it for models that think long before they answer.',
      300,
    ),
    idle: seconds(
      'Longest silence between two parts of a response. It also applies to clients: one that reads or uploads nothing for this long is disconnected.',
      120,
    ),
    total: seconds(
      'Longest time that a complete answer may take to arrive, from its headers to its last byte. It stops a vendor that sends a little now and then and never ends. Streams have no such limit, and a longer `timeout` of an entry applies instead.',
      1800,
    ),
  },
  { description: 'How long the gateway waits for a vendor before it fails the request with 504.' },
)
