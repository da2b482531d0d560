/** What nginx and the gateway are told. */
import { clientKey } from './job.ts'

/** One worker, bodies in memory, connections kept on both sides: what the gateway does too. `vendor`: host and port. */
export const nginxConfig = (folder: string, port: number, vendor: string): string => `
daemon off; worker_processes 1; worker_rlimit_nofile 20000; pid ${folder}/nginx-${port}.pid; error_log /dev/null;
events { worker_connections 16384; }
http {
  access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  keepalive_requests 1000000; client_max_body_size 32m; client_body_buffer_size 16m;
  upstream vendor { server ${vendor}; keepalive 256; keepalive_requests 1000000; }
  server { listen 127.0.0.1:${port} backlog=4096;
    location / { proxy_pass http://vendor; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }
  }
}`

/** What the configuration calls the vendor: by it the gateway knows its protocol. */
export type ServiceType = 'openai' | 'claude' | 'gemini'

/** `limited`: three limits on the entry; `log`: where a line for every request goes. */
export type GatewayOptions = {
  keys: 0 | 1 | 100
  hasLimits: boolean
  log: 'none' | 'nowhere' | 'file'
  service?: ServiceType
}

/** What the program does by itself: a line for every request; where it is kept is another's cost. And one key. */
export const defaultOptions: GatewayOptions = { keys: 1, hasLimits: false, log: 'nowhere' }

/** High enough never to bite: what is measured is the counting. */
const limit = { qpm: 10_000_000, tpm: 1_000_000_000, concurrency: 10_000 }

export const gatewayConfig = (
  vendor: string,
  port: number,
  { keys, hasLimits, log, service = 'openai' }: GatewayOptions,
) => ({
  server_port: `127.0.0.1:${port}`,
  log_level: log === 'none' ? 'warn' : 'info',
  api_keys: Array.from({ length: keys }, (_, at) => ({ api_key: clientKey(at), name: `caller ${at}` })),
  services: {
    [service]: [
      {
        enabled: true,
        models: ['bench', 'bench-*'],
        server_url: service === 'gemini' ? vendor : `${vendor}/v1`,
        credentials: { api_key: 'k' },
        ...(hasLimits && { limit }),
      },
    ],
  },
})
