#!/bin/sh
# Leaves out of node_modules what no program reads when it runs, and gives what stays one time, so that the same lock file
# makes the same layer. Run in the folder that holds node_modules.
set -eu

find node_modules -type f \( -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' -o -name '*.map' -o -name '*.flow' \
  -o -iname 'readme*' -o -iname 'changelog*' -o -iname 'history.md' \) -delete

# The Temporal SDK brings its native part for every platform, and that part's sources.
bridge=node_modules/@temporalio/core-bridge
if [ -d "$bridge" ]; then
  case $(uname -m) in
    x86_64) keep=x86_64-unknown-linux-gnu ;;
    aarch64) keep=aarch64-unknown-linux-gnu ;;
    *) echo "the Temporal SDK has no native part for $(uname -m)" >&2; exit 1 ;;
  esac
  find "$bridge/releases" -mindepth 1 -maxdepth 1 ! -name "$keep" -exec rm -r {} +
  rm -rf "$bridge/sdk-core" "$bridge/src" "$bridge/bridge-macros"
fi

find node_modules -type d -empty -delete
chmod -R a+rX node_modules
find node_modules -exec touch --no-dereference --date=@315532800 {} +
