#!/bin/sh
# Builds the executables and packs them: ./build.sh [TARGET...|all|host], by default all, into build/. Needs Node.js 20 or newer and npm.
set -eu
cd "$(dirname "$0")"

major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null) || major=0
if [ "$major" -lt 20 ]; then
  echo 'build.sh: Node.js 20 or newer is needed' >&2
  exit 1
fi

node scripts/install.mjs
exec node_modules/.bin/bun scripts/release.ts "$@"
