#!/bin/sh
# build-image.sh REF: tags the dev image as REF. Runs one at a time: Tilt requests the images of all parts at once, and
# the second call reuses the build of the first.
set -eu
cd "$(dirname "$0")/../.."
exec 9> "${TMPDIR:-/tmp}/sagacart-dev-image.lock"
if command -v flock > /dev/null; then flock 9; fi
exec ./node_modules/.bin/node scripts/tilt/dev-image.ts "$1"
