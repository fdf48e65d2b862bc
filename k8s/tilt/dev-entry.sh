#!/bin/sh
# The entry point of the dev image. Restarts a service or worker in the same container on SIGUSR2, which Tilt sends
# after it has copied changed sources, and when it exits, because a new container would not have these sources. Programs
# that are meant to end (migrations, audit, seed) just run.
#
# Not `node --watch`, which no longer notices changes of a file that was replaced.
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
  # A signal interrupts `wait`, but does not end the child.
  while kill -0 "$child" 2> /dev/null; do wait "$child"; done
  if [ -z "$wanted$ending" ]; then
    echo "$1 exited and is being restarted" >&2
    sleep 3 &
    wait $!
  fi
done
