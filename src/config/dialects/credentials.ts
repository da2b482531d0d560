/** The names a vendor's credentials can have, and what each is. */
export const credentialWords = {
  api_key: 'The key of most vendors.',
  secret_key: 'Second half of a pair of keys (qianfan, hunyuan, huoshan).',
  secret_id: 'First half of a pair of keys (hunyuan).',
  access_key: 'First half of a pair of keys (huoshan).',
  api_secret: 'Second half of a pair of keys (xinghuo).',
  appid: 'Id of the application (xinghuo).',
  group_id: 'Id of the group (minimax).',
  account_id: 'Id of the account (cloudflare); not needed where server_url names it.',
  domain: "Spark's name of the model, if it is not the usual one (xinghuo).",
  token: 'Access token (cozecn, cozecom).',
  address: 'Last part of the address of a model of your own (qianfan).',
  project_id: 'Id of the project (vertexai).',
  location: 'Region (vertexai).',
  json_file: 'Path of the key file of a service account (vertexai).',
  model_id: 'Accepted; without effect.',
} as const
