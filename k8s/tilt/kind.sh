#!/bin/sh
# npm run kind: the cluster that `tilt up` uses, where there is none yet. With a registry where ctlptl is there.
set -eu
cd "$(dirname "$0")/../.."
if command -v ctlptl > /dev/null; then
  exec ctlptl apply -f k8s/tilt/ctlptl.yaml
fi
command -v kind > /dev/null || { echo "kind is not on the PATH: https://kind.sigs.k8s.io/docs/user/quick-start" >&2; exit 1; }
if kind get clusters | grep -qx sagacart; then
  exec kubectl config use-context kind-sagacart
fi
kind create cluster --config k8s/kind.yaml --wait 5m
