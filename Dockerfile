# syntax=docker/dockerfile:1.24.0@sha256:87999aa3d42bdc6bea60565083ee17e86d1f3339802f543c0d03998580f9cb89

# Images are pinned by the digest of their list of platforms. `docker buildx imagetools inspect IMAGE:TAG` shows it.

# The executable is built on the builder's own platform, for the one asked for: no emulation.
FROM --platform=$BUILDPLATFORM node:22.21.1-alpine3.22@sha256:b2358485e3e33bc3a33114d2b1bdb18cdbe4df01bd2b257198eb51beb1f026c5 AS build
WORKDIR /source
COPY package.json package-lock.json ./
COPY scripts/install.mjs scripts/
RUN node scripts/install.mjs
COPY tsconfig.json ./
COPY scripts scripts
COPY src src
ARG TARGETARCH
# What `simple-one-api --version` tells: --build-arg SOURCE_COMMIT=$(git rev-parse --short=12 HEAD)
ARG SOURCE_COMMIT
RUN case "$TARGETARCH" in amd64) cpu=x64 ;; *) cpu=$TARGETARCH ;; esac \
  && node_modules/.bin/bun scripts/build.ts /out/simple-one-api "linux-$cpu-musl"

FROM alpine:3.22.2@sha256:4b7ce07002c69e8f3d704a9c5d6fd3053be500b7f1c69fc0d80990c2ad8dd412
# The executable needs the C++ library and no more; certificates and time zones are inside it.
# hadolint ignore=DL3018
RUN apk add --no-cache libstdc++ && adduser -D -H -u 10001 app
COPY --from=build /out/simple-one-api /usr/local/bin/simple-one-api
WORKDIR /app
USER 10001
EXPOSE 9090
# For another port: "server_port": ":${PORT}" in config.json, and -e PORT=8080.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --start-interval=1s \
  CMD ["sh", "-c", "wget -q -O /dev/null \"http://127.0.0.1:${PORT:-9090}/healthz\""]
ENTRYPOINT ["simple-one-api"]
