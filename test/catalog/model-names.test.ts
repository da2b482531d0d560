/** Each word of a model's name that tells its kind, and each name that Chat Completions refuses. */
import { describe, expect, test } from 'bun:test'
import { type ModelKind, modelKindOf } from '../../src/catalog/model-kinds.ts'
import { hasNoEncryptedReasoning, isResponsesOnly } from '../../src/catalog/openai-responses.ts'

/** Names of models as their vendors list them, one at least for each word that the patterns know. */
const names: Record<Exclude<ModelKind, 'chat'>, string> = {
  rerank: 'gte-rerank-v2 rerank-v3.5 Qwen3-VL-Reranker jina-reranker-m0 bge-reranker-v2-m3',
  embedding: `text-embedding-3-small embed-v4.0 nomic-embed-text BAAI/bge-m3 thenlper/gte-large gme-qwen2-vl-2b
    intfloat/e5-large-v2 moka-ai/m3e-base maidalun/bce-base_v1 acge_text stella-base-zh tao-8k jina-clip-v2
    jina-colbert-v2 all-minilm all-minilm:22m bge-m3:567m all-mpnet-base-v2 voyage-3-large voyageai/voyage-3
    sentence-transformers/LaBSE text-similarity-davinci-001 text-search-ada-doc-001 openai/text-search-ada-doc-001`,
  moderation: 'omni-moderation-latest meta/llama-guard-4-12b shieldgemma-9b gpt-oss-safeguard-20b Qwen3Guard-8B',
  audio: `tts-1 IndexTTS-2 whisper-1 gpt-4o-transcribe gpt-4o-realtime-preview qwen3-livetranslate-flash
    gemini-2.0-flash-live-001 gemini-live-2.5 gemini-2.5-native-audio qwen3-asr-flash speech-2.6-hd music-2.0
    voice-clone-1 qwen-voice-design suno/bark hexgrad/Kokoro-82M lyria-002 canopylabs/orpheus-3b nvidia/parakeet-tdt
    scribe_v1 cosyvoice-v3 sensevoice-v1 paraformer-v2 sambert-zhichu-v1 telespeech FunAudioLLM/fun-asr fun_asr funasr
    gummy-realtime-v1 gummy-chat-v1 deepgram-aura-2 amazon.nova-sonic-v1:0 eleven_v3 elevenlabs/eleven_flash_v2`,
  video: `cogvideox-3 hunyuanvideo doubao-seedance-1-0-pro minimax-hailuo-02 kling-v2 viduq2-pro pixverse-v5
    videoretalk liveportrait wan2.2-t2v-plus wan2.5-i2v-preview vidu-r2v wan2.2-s2v wanx2.1-kf2v-plus wan2.1-vace-14b
    stable-animate-1 genmo/mochi-1 lightricks/ltx-video gen3 gen-4 gen4_turbo amazon.nova-reel-v1:1 veo-3.0-generate
    sora-2 hunyuan-video video-01 sora wan2.2-t2v:14b video:latest`,
  image: `dall-e-3 dalle-2 cogview-4 doubao-seedream-4-0 seededit-3 stable-diffusion-3.5 stability.stable-image-ultra
    midjourney-v7 imagen-4.0-generate ideogram-v3 recraft-v3 kwai-kolors/kolors dreamshaper-8-lcm hidream-i1
    black-forest-labs/FLUX.1-schnell sdxl-turbo sd3-medium wanx-v1 wan2.6-t2i wanx2.1-t2i-plus irag-1.0 pixart-sigma
    playground-v2.5 deepseek-ai/janus-pro-7b hunyuan-dit nano-banana-pro amazon.nova-canvas-v1:0 instantid
    photomaker-v2 gpt-image-1 gemini-2.5-flash-image qwen-image qwen-image:latest grok-imagine-1`,
}

for (const [kind, list] of Object.entries(names))
  describe(`a model for ${kind}`, () => {
    test.each(list.split(/\s+/))('is %s', name => {
      expect(modelKindOf(name)).toBe(kind as ModelKind)
      expect(modelKindOf(name.toUpperCase())).toBe(kind as ModelKind)
    })
  })

describe('a model for chat', () => {
  test.each(
    `gpt-5 claude-opus-4-8 gemini-3-pro deepseek-chat qwen3-max llama-4-scout glm-4.6 kimi-k3 moonshot-v1-8k phi-4
    mistral-large-latest command-a grok-4 ernie-4.5 hunyuan-t1 doubao-seed-1.6 yi-lightning nova-pro nova-lite-v1
    llava-1.6 moonshot-v1-8k-vision-video qwen-audio-turbo qwen2-audio-instruct gpt-audio gpt-audio-mini glm-4-voice
    gpt-4o-audio-preview gpt-4o-mini-audio-preview gen-2-lm benchmark-x imaginary-model imagery-1 vector-1 videogpt-lm
    e50-lm animated-7b`.split(/\s+/),
  )('is %s', name => expect(modelKindOf(name)).toBe('chat'))

  test.each([
    ['gpt-audio-realtime', 'audio'],
    ['llava-embed', 'embedding'],
    ['llava-rerank', 'rerank'],
  ] as const)('is not %s, whatever else its name says', (name, kind) => expect(modelKindOf(name)).toBe(kind))
})

// The SDK's `ResponsesModel` of openai-node 6.49.
describe('a model that Chat Completions refuses', () => {
  test.each(
    `o1-pro o1-pro-2025-03-19 o3-pro gpt-5-pro gpt-5.1-pro gpt-5.1-codex-max gpt-5-codex codex-mini-latest
    o3-deep-research o4-mini-deep-research computer-use-preview computer-use-preview-2025-03-11 O3-PRO`.split(/\s+/),
  )('is %s', name => expect(isResponsesOnly(name)).toBe(true))
  test.each(
    'gpt-5 gpt-5-mini o3 o3-mini gpt-4o claude-pro deepseek-pro my-gpt-5-pro codexa computer-use codec gpt-5.1-codecs'.split(
      ' ',
    ),
  )('is not %s', name => expect(isResponsesOnly(name)).toBe(false))
})

describe('a model without encrypted reasoning', () => {
  test.each('gpt-3.5-turbo gpt-4o gpt-4.1 gpt-4 chatgpt-4o-latest openai/gpt-4o GPT-4O openai/chatgpt-4o'.split(' '))(
    'is %s',
    name => expect(hasNoEncryptedReasoning(name)).toBe(true),
  )
  test.each('gpt-5 o3 o4-mini my-gpt-4 claude gpt5'.split(' '))('is not %s', name =>
    expect(hasNoEncryptedReasoning(name)).toBe(false),
  )
})
