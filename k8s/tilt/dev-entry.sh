#!/bin/sh
# What the dev image runs. A service or worker is started again, in the same container, by SIGUSR2, which Tilt sends when it
# has copied changed sources; and when it ends by itself, since a new container would be without them. What is to end
# (migrations, audit, seed) just runs.
#
# No `node --watch`: it loses sight of a file that another one takes the place of.
case ${1:-} in
  services/chassis/*) exec node "$@" ;;
  services/*/src/* | workflows/src/*) ;;
  *) exec node "$@" ;;
esac

child='' wanted='' ending=''
trap 'wanted=1; kill -TERM "$child" 2> /dev/null' USR2
trap 'ending=1; kill -TERM "$child" 2> /dev/null' TERM INT
while [ -z "$ending" ]; do
  wanted=''
  node "$@" &
  child=$!
  # A signal ends `wait`, and not the child.
  while kill -0 "$child" 2> /dev/null; do wait "$child"; done
  if [ -z "$wanted$ending" ]; then
    echo "$1 ended by itself, and is started again" >&2
    sleep 3 &
    wait $!
  fi
done
