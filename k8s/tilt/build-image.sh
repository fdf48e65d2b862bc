#!/bin/sh
# build-image.sh REF: gives the dev image the name REF. One at a time: Tilt asks for all parts' images at once, and the
# second finds what the first has built.
set -eu
cd "$(dirname "$0")/../.."
exec 9> "${TMPDIR:-/tmp}/sagacart-dev-image.lock"
if command -v flock > /dev/null; then flock 9; fi
exec ./node_modules/.bin/node scripts/tilt/dev-image.ts "$1"
