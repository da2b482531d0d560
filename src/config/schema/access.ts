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
  trusted_proxies: textList(
    "Addresses and ranges of your reverse proxies. The gateway believes them about the client's address: it takes the last address in `X-Forwarded-For` that is not one of them. Without that header it reads `Forwarded`, then `X-Real-IP`. Without this setting, the client's address is that of the connection.",
    { default: [], examples: [['127.0.0.1', '10.0.0.0/8', 'fd00::/8']] },
  ),
  allow_addresses: textList(
    'Addresses and ranges of clients that may use the gateway; all others get a 403. Empty: every address may. A request that an unknown proxy forwarded gets a 403 too.',
    { default: [], examples: [['192.168.0.0/16', '2001:db8::/32']] },
  ),
  deny_addresses: textList('Addresses and ranges of clients that get a 403, even if `allow_addresses` contains them.', {
    default: [],
    examples: [['203.0.113.0/24']],
  }),
}
