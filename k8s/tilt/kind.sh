#!/bin/sh
# npm run kind: creates the cluster for `tilt up` if it does not exist, with a registry if ctlptl is installed.
set -eu
if [ "${1:-}" = --help ]; then
  sed -n 's/^# //p' "$0"
  exit
fi
cd "$(dirname "$0")/../.."
if command -v ctlptl > /dev/null; then
  exec ctlptl apply -f k8s/tilt/ctlptl.yaml
fi
command -v kind > /dev/null || { echo "kind is not on the PATH: https://kind.sigs.k8s.io/docs/user/quick-start" >&2; exit 1; }
if kind get clusters | grep -qx sagacart; then
  exec kubectl config use-context kind-sagacart
fi
kind create cluster --config k8s/kind.yaml --wait 5m
