/** The configurations of nginx and the gateway. */
import { clientKey } from './load-job.ts'

/** One worker, bodies in memory, kept connections on both sides, as the gateway does. `vendor`: host and port. */
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

/** The service type in the configuration. It determines the vendor's protocol. */
export type ServiceType = 'openai' | 'claude' | 'gemini'

/** `hasLimits`: three limits on the entry; `log`: where the line for every request goes. */
export type GatewayOptions = {
  keys: 0 | 1 | 100
  hasLimits: boolean
  log: 'none' | 'nowhere' | 'file'
  service?: ServiceType
}

/**
 * The program's defaults: one key, and a line for every request. The cost of storing the lines is not the gateway's.
 */
export const defaultOptions: GatewayOptions = { keys: 1, hasLimits: false, log: 'nowhere' }

/** High enough never to apply: only the counting is measured. */
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
