/** The words of vendors that fail or lack a key or a model, in the structure of the real ones. */
import { geminiError, openaiError } from './error-bodies.ts'
import { type Choices, errorInEitherForm, errorReply, type ReplyScript } from './reply.ts'

/** A key that is not valid. */
export const deadKey: Choices<ReplyScript> = [
  errorReply(
    'dead key',
    401,
    openaiError('Incorrect API key provided: sk-de***ad.', 'invalid_request_error', 'invalid_api_key'),
  ),
  errorReply('dead key', 401, {
    error: { code: '1002', message: 'Authorization Token非法,请确认Authorization Token正确传递。' },
  }),
  errorReply('dead key', 401, 'Unauthorized'),
]
export const deadKey400: ReplyScript = errorReply(
  'dead key (400)',
  400,
  geminiError(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', [
    { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID', domain: 'googleapis.com' },
  ]),
)
export const deadKey403: ReplyScript = errorReply('dead key (403)', 403, {
  error: { message: '令牌已过期或验证不正确', type: 'authentication_error' },
})

/** A model that the vendor no longer has. */
export const modelGone: Choices<ReplyScript> = [
  errorReply(
    'model gone',
    404,
    openaiError(
      'The model `world` does not exist or you do not have access to it.',
      'invalid_request_error',
      'model_not_found',
    ),
  ),
  errorReply('model gone', 404, {
    error: { message: 'No such model: world', type: 'not_found_error', code: 'model_not_found' },
  }),
]
export const modelGone400: ReplyScript = errorReply('model gone (400)', 400, {
  error: { code: '1211', message: '模型不存在,请检查模型代码。' },
})
export const modelNotOpen: ReplyScript = errorReply('model gone', 404, {
  error: {
    code: 'ModelNotOpen',
    message: 'Your account 2100 has not activated the model world. Please activate it in the console.',
    type: 'NotFound',
  },
})
export const modelRetired410: ReplyScript = errorReply('model gone (410)', 410, {
  type: 'about:blank',
  title: 'Gone',
  status: 410,
  detail: 'The model reached its end of life on 2026-11-20 and is no longer available.',
})
export const degraded400: ReplyScript = errorReply('degraded (400)', 400, {
  status: 400,
  title: 'Bad Request',
  detail: "Function id '0e1f': DEGRADED function cannot be invoked",
})
export const regionBlocked400: ReplyScript = errorReply(
  'region (400)',
  400,
  geminiError(400, 'FAILED_PRECONDITION', 'User location is not supported for the API use.'),
)

/** An outage: pages of proxies and gateways in front of the vendor. */
export const outagePage: Choices<ReplyScript> = [
  errorReply(
    '503 page',
    503,
    '<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n',
  ),
  errorReply(
    '503 page',
    503,
    '<!DOCTYPE html><html lang="en"><head><title>We will be back soon</title></head><body><p>Maintenance in progress.</p></body></html>',
  ),
]
export const gatewayPage: ReplyScript = errorReply(
  '502 page',
  502,
  '<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>',
)
export const timeoutPage: ReplyScript = errorReply('524 page', 524, 'error code: 524')
export const serverError: Choices<ReplyScript> = [
  errorReply('500', 500, openaiError('The server had an error while processing your request.', 'server_error', null)),
  errorReply('500', 500, 'Internal Server Error'),
  errorReply('500', 500, { error: { code: '500', message: '系统内部错误,请稍后重试' } }),
]

/** Overload inside a 200: JSON, or the second frame of a stream. */
export const overloaded200: Choices<ReplyScript> = [
  errorInEitherForm(
    'overload (200)',
    openaiError('The engine is overloaded at the moment, please try again later', 'engine_overloaded_error', null),
  ),
  errorInEitherForm('overload (200)', { error: { code: '1305', message: '该模型当前访问量过大,请您稍后再试' } }),
  errorInEitherForm('overload (200)', {
    error: { code: 502, message: 'Provider returned error', metadata: { raw: 'Overloaded', provider_name: 'Acme' } },
  }),
]
export const overloadedSpark: ReplyScript = errorInEitherForm('overload (200)', {
  code: 10008,
  message: '服务容量不足,联系商务人员',
  sid: 'cht000b',
})
export const overloadedMinimax: ReplyScript = errorInEitherForm('overload (200)', {
  id: '04',
  choices: null,
  base_resp: { status_code: 1013, status_msg: '服务内部错误,请稍后重试' },
})
export const overloaded429: ReplyScript = errorReply('overload (429)', 429, {
  error: { code: '1305', message: '该模型当前访问量过大,请您稍后再试' },
})
export const overloaded503: ReplyScript = errorReply('overload (503)', 503, {
  code: 50505,
  message: 'Model service overloaded. Please try again later.',
  data: null,
})
export const upstreamLimited429: ReplyScript = errorReply('overload (429)', 429, {
  error: {
    code: 429,
    message: 'Provider returned error',
    metadata: { raw: 'world is temporarily rate-limited upstream. Please retry shortly.', provider_name: 'Acme' },
  },
})
