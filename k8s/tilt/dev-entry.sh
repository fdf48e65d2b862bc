#!/bin/sh
# What the dev images run: a program that stays begins anew when one of its sources changes; one that ends (migrations,
# audit) just runs.
set -eu
case ${1:-} in
  services/chassis/* | scripts/*) exec node "$@" ;;
  services/*/src/* | service/src/*) exec node --watch-preserve-output --watch-path=services --watch-path=proto "$@" ;;
  workflows/src/*) exec node --watch-preserve-output --watch-path=services --watch-path=proto --watch-path=workflows "$@" ;;
  *) exec node "$@" ;;
esac
