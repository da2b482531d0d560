/**
 * Reads Google credentials: a service account file, a refresh token, or the application default credentials of the
 * machine (cloud.google.com/docs/authentication/application-default-credentials, 2026-11).
 */
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { GatewayError } from '../../base/errors.ts'
import { isObject, type JsonObject, parseJson, textOf } from '../../base/json/json.ts'

/**
 * `project`: the project of the credential, if it names one. `quotaProject`: the project that is charged for a user's
 * requests.
 */
export type GoogleCredential = { project?: string | undefined; quotaProject?: string | undefined } & (
  | { type: 'service account'; email: string; key: string; keyId?: string | undefined; tokenUri: string }
  | { type: 'person'; id: string; secret: string; refreshToken: string; tokenUri: string }
  /** A service account that another credential may impersonate. */
  | { type: 'impersonated'; url: string; delegates: string[]; source: GoogleCredential }
  /** The machine's own account on Google Cloud. `address` has no trailing slash. */
  | { type: 'machine'; address: string }
)

type GoogleEnvironment = Readonly<Record<string, string | undefined>>

const defaultTokenUri = 'https://oauth2.googleapis.com/token'

/**
 * An error in the credential. The vendor was not called, so nothing was charged. The message must not contain a secret.
 */
export const credentialError = (message: string): GatewayError =>
  new GatewayError('upstream_credentials', message, { unsent: true })

/**
 * True if an entry's credential identifies a Google account. A project alone means the default credentials of the
 * machine.
 */
export const hasGoogleCredential = (values: Record<string, string>): boolean =>
  ['project_id', 'json_file', 'private_key', 'refresh_token'].some(name => values[name] !== undefined)

/**
 * Reads the values of an entry's `credentials`: the fields of a service account file, `refresh_token` with `client_id`
 * and `client_secret`, `json_file` (a path, or the content of the file), otherwise the machine's default.
 * @throws GatewayError `upstream_credentials`
 */
export const readCredential = async (
  values: Record<string, string>,
  environment: GoogleEnvironment,
): Promise<GoogleCredential> => {
  if (values['private_key']) return parseCredential({ type: 'service_account', ...values })
  if (values['refresh_token']) return parseCredential({ ...values, type: 'authorized_user' })
  const file = values['json_file']
  if (file) return parseText(file.startsWith('{') ? file : await readText(file))
  return defaultCredential(environment)
}

const defaultCredential = async (environment: GoogleEnvironment): Promise<GoogleCredential> => {
  const keyFile = environment['GOOGLE_APPLICATION_CREDENTIALS']
  if (keyFile) return parseText(await readText(keyFile))
  const file = Bun.file(join(gcloudFolder(environment), 'application_default_credentials.json'))
  if (await file.exists()) return parseText(await file.text())
  return { type: 'machine', address: `http://${environment['GCE_METADATA_HOST'] || 'metadata.google.internal'}` }
}

/** The configuration folder of the gcloud command. */
const gcloudFolder = (environment: GoogleEnvironment): string => {
  const { CLOUDSDK_CONFIG: folder, APPDATA: windows, HOME: home = homedir() } = environment
  return folder || (process.platform === 'win32' && windows ? join(windows, 'gcloud') : join(home, '.config', 'gcloud'))
}

const readText = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code).slice(0, 20)})` : ''
    throw credentialError(`the key file of the Google credential cannot be read${code}`)
  }
}

const parseText = (text: string): GoogleCredential => {
  const file = parseJson(text)
  if (!isObject(file)) throw credentialError('the key file of the Google credential is no JSON object')
  return parseCredential(file)
}

/** Whose credential an impersonated account starts from, and through whom. */
const impersonationOf = (file: JsonObject): { source: GoogleCredential; delegates: string[] } => {
  const { source_credentials: source, delegates } = file
  return {
    source: parseCredential(isObject(source) ? source : {}),
    delegates: Array.isArray(delegates) ? delegates.flatMap(delegate => textOf(delegate) ?? []) : [],
  }
}

const parseCredential = (file: JsonObject): GoogleCredential => {
  const required = (name: string): string => {
    const value = textOf(file[name])
    if (!value) throw credentialError(`the Google credential has no ${name}`)
    return value
  }
  const tokenUri = textOf(file['token_uri']) || defaultTokenUri
  const projects = { project: textOf(file['project_id']), quotaProject: textOf(file['quota_project_id']) }
  switch (file['type']) {
    case 'service_account': {
      // In a configuration the line breaks of a key are often written as the two characters `\n`.
      const key = required('private_key').replaceAll('\\n', '\n')
      const keyId = textOf(file['private_key_id'])
      return { type: 'service account', email: required('client_email'), key, keyId, tokenUri, ...projects }
    }
    case 'authorized_user': {
      const refreshToken = required('refresh_token')
      return {
        type: 'person',
        id: required('client_id'),
        secret: required('client_secret'),
        refreshToken,
        tokenUri,
        ...projects,
      }
    }
    case 'impersonated_service_account': {
      const url = required('service_account_impersonation_url')
      return { type: 'impersonated', url, ...impersonationOf(file), ...projects }
    }
    default:
      throw credentialError(
        `a Google credential of the type ${String(file['type']).slice(0, 40)} is not known; a service account, an authorized user or an impersonated account is`,
      )
  }
}
