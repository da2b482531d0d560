/** A client's request once it has been read and checked. */
import type { JsonBody } from '../downstream/json-body.ts'
import type { Upload } from '../downstream/multipart/upload.ts'
import type { RequestMedia } from '../media/inline-urls.ts'
import type { ClientProtocol } from '../protocols/registry.ts'

/** A client's request in the form that routing, limits and the upstream side need. */
export type ClientRequest = {
  protocol: ClientProtocol
  /** The client's headers. */
  headers: Headers
  /** Undefined if the request does not name a model. */
  model: string | undefined
  stream: boolean
  usageRequested: boolean
} & ({ json: JsonBody; media: RequestMedia; upload?: undefined } | { json?: undefined; upload: Upload })
