#!/bin/sh
# leave-out.sh with|without: deletes what production does not need from the sources of an image: code for tests, and `without`
# the simulated providers. Run it in the folder with the sources.
set -eu

case $1 in with | without) ;; *) echo "usage: leave-out.sh with|without" >&2; exit 2 ;; esac
for folder in services workflows scripts; do
  if [ -d "$folder" ]; then
    find "$folder" -type d -name node_modules -prune -o -type d -name testing -prune -exec rm -r {} +
    find "$folder" -type d -name node_modules -prune -o -type f -name '*.test.ts' -exec rm {} +
    if [ "$1" = without ]; then
      find "$folder" -type d -name node_modules -prune -o -type d -name fake -prune -exec rm -r {} +
    fi
  fi
done
