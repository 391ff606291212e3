#!/usr/bin/env bash
# Runs Azurite, the emulator of Azure Blob Storage, until its input ends or it is
# stopped (Ctrl+C), and keeps nothing. It prints a line with its address:
#
#   Azurite Blob service successfully listens on http://127.0.0.1:41327
#
# Arguments go to Azurite, such as --blobPort 10000, or --oauth basic --cert c.pem
# --key k.pem. The account and its key are those of Azurite's documentation:
# devstoreaccount1. An address of a container for SafeCache:
# http://127.0.0.1:41327/devstoreaccount1/<container>.
set -euo pipefail
modules=$(cd "$(dirname "$0")/../../build/npm" && pwd)/node_modules
node=$modules/node24/bin/node
[[ -x $node ]] || node=node
program=$modules/azurite/dist/src/blob/main.js
[[ -f $program ]] || { echo 'azurite is not installed: run `make oracles`' >&2; exit 1; }

# Its telemetry would wait for a server that a test must not ask.
"$node" "$program" --blobHost 127.0.0.1 --blobPort 0 --inMemoryPersistence --disableTelemetry --silent "$@" </dev/null &
azurite=$!
trap 'kill "$azurite" 2>/dev/null || true; wait "$azurite" || true' EXIT
trap 'exit 130' INT TERM

# Whoever started this holds the other end of the input: when that dies, this ends.
while kill -0 "$azurite" 2>/dev/null; do
  status=0
  read -r -t 1 _ || status=$?
  ((status == 0 || status > 128)) || exit 0 # more than 128: nothing was written for a second
done
echo "Azurite has ended by itself" >&2
exit 1
