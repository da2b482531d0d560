/** Who may reach the gateway, besides the client keys. */
import { textList } from './fields.ts'

export const accessFields = {
  allowed_hosts: textList(
    'Only without client keys: host names under which clients reach the gateway, such as `gateway.example.com`, or `*.example.com` for every name below it. Without keys, the gateway answers only requests whose `Host` is an IP address, a name without a dot, a name under `.localhost`, `.local` or `.internal`, or one of these. This keeps foreign web pages out.',
    { default: [], examples: [['gateway.example.com']] },
  ),
  allowed_origins: textList(
    'Only without client keys: web pages that may call the gateway, by their origin, such as `https://app.example.com`. `null` stands for pages without an origin, such as local files. Pages on a host that passes the rule of `allowed_hosts` need no entry.',
    { default: [], examples: [['https://app.example.com']] },
  ),
}
