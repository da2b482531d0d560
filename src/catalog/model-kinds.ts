/** Derives the kind of a model from its name. Vendors do not state the kind anywhere before the first request. */

export type ModelKind = 'chat' | 'embedding' | 'image' | 'audio' | 'video' | 'rerank' | 'moderation'

/**
 * The patterns are tested in this order, on names in lower case. Every pattern runs in linear time. A keyword starts at
 * the beginning of a name or after `/`, `-`, `_` or a dot; Ollama puts a tag behind a colon.
 */
const patterns: readonly (readonly [ModelKind, RegExp])[] = [
  // bge-reranker-v2-m3, gte-rerank-v2, jina-reranker, Cohere rerank-v3.5, Voyage rerank-2, Qwen3-VL-Reranker
  ['rerank', /rerank/],
  // text-embedding-3, embedding-3, gemini-embedding, doubao-embedding-vision, embed-v4.0, nomic-embed-text,
  // qwen2.5-vl-embedding
  ['embedding', /embed/],
  [
    'embedding',
    /(?:^|[-/_.])(?:bge|gte|gme|e5|m3e|bce|acge|stella|tao-8k|jina-clip|jina-colbert|all-minilm|all-mpnet)(?:[-_.:]|$)/,
  ],
  ['embedding', /(?:^|\/)(?:voyage-|sentence-transformers\/|text-similarity-|text-search-)/],
  // omni-moderation, llama-guard, llama-prompt-guard, shieldgemma, gpt-oss-safeguard, Qwen3Guard
  ['moderation', /moderation|guard|shieldgemma/],
  // tts-1, gpt-4o-mini-tts, qwen-tts, IndexTTS-2, whisper-1, gpt-4o-transcribe, qwen3-asr-flash, gpt-4o-realtime,
  // gemini-2.0-flash-live
  ['audio', /tts|whisper|transcribe|realtime|livetranslate|flash-live|gemini-live|native-audio/],
  ['audio', /(?:^|[-/_.])(?:asr|speech|music|voice-clone|voice-design|bark|kokoro|lyria|orpheus|parakeet|scribe)/],
  ['audio', /cosyvoice|sensevoice|paraformer|sambert|telespeech|fun-?asr|gummy|deepgram|nova-sonic|(?:^|\/)eleven_/],
  // cogvideox, wan2.2-t2v-plus, wanx2.1-i2v, seedance, veo-3, sora-2, hunyuan-video, video-01, MiniMax-Hailuo-02
  ['video', /cogvideo|hunyuanvideo|seedance|hailuo|kling|vidu|pixverse|videoretalk|liveportrait/],
  ['video', /(?:^|[-/_.])(?:t2v|i2v|r2v|s2v|kf2v|vace|animate|mochi|ltx-video|gen-?[34]|nova-reel)(?:[-_.:]|$)/],
  ['video', /(?:^|[-/_.])(?:veo|sora|video)(?:[-_.:\d]|$)/],
  // dall-e-3, gpt-image-1, cogview-4, wanx-v1, wan2.2-t2i, FLUX.1-schnell, seedream, imagen-4, gemini-2.5-flash-image,
  // qwen-image
  [
    'image',
    /dall-?e|cogview|seedream|seededit|stable-diffusion|stable-image|midjourney|imagen|ideogram|recraft|kolors|dreamshaper|hidream/,
  ],
  [
    'image',
    /(?:^|[-/_.])(?:flux|sdxl|sd3|wanx|wan2|t2i|irag|pixart|playground-v|janus|hunyuan-dit|nano-banana|nova-canvas|instantid|photomaker)/,
  ],
  ['image', /(?:^|[-/_.])image(?:[-_.:\d]|$)|grok-imagine/],
]

/** Chat models whose names look like another kind because they process video, audio or speech. */
const chatLookalikes = /llava|vision-video|(?:^|[-/_.])(?:qwen\d?-audio|gpt-audio|glm-4-voice)|gpt-4o-(?:mini-)?audio/

/**
 * The kind of a model, by its name with or without a vendor prefix. A model that matches no pattern is a chat model.
 */
export const modelKindOf = (model: string): ModelKind => {
  const name = model.toLowerCase()
  const kind = patterns.find(([, pattern]) => pattern.test(name))?.[0]
  return kind === undefined ||
    (chatLookalikes.test(name) && kind !== 'embedding' && kind !== 'rerank' && !name.includes('realtime'))
    ? 'chat'
    : kind
}
