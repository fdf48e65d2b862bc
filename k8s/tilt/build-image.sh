#!/bin/sh
# build-image.sh docker|k8s-lab REF: gives the dev image the name REF. Tilt asks for each part's image; they all are one,
# made for the first who asks.
set -eu
builder=$1 ref=$2
cd "$(dirname "$0")/../.."

# One at a time: the second finds what the first has made.
exec 9> "${TMPDIR:-/tmp}/sagacart-dev-image.lock"
if command -v flock > /dev/null; then flock 9; fi

if [ "$builder" = docker ]; then
  exec docker buildx build --load --file k8s/tilt/Dockerfile --tag "$ref" .
fi
lab=${K8S_LAB:-k8s-lab}
sources=$(find package.json package-lock.json .npmrc proto/gen services workflows scripts k8s/tilt/Dockerfile k8s/tilt/dev-entry.sh \
  -name node_modules -prune -o -type f ! -name '*.test.ts' -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16)
image=docker.io/sagacart/dev:$sources
if [ -z "$("$lab" ctr images list -q "name==$image")" ]; then
  "$lab" build "$image" . -f k8s/tilt/Dockerfile
fi
"$lab" tag "$image" "$ref"
