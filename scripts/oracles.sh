#!/usr/bin/env bash
# npm installs the pinned Node versions as optional packages, and so says nothing
# when one is missing. They exist for linux-x64; elsewhere tests use the node at hand.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ $(uname -sm) == "Linux x86_64" ]] || exit 0
for node in node10 node20 node24; do
  if ! build/npm/node_modules/$node/bin/node --version >/dev/null; then
    rm -f build/npm/node_modules/.package-lock.json
    echo "npm did not install $node; run: make clean oracles" >&2
    exit 1
  fi
done
