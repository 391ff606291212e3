#!/usr/bin/env bash
# Builds the tasks for this machine, packs them as users get them, and replays
# the post-mortem's pipelines with the local agent.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/build/out/demo
mkdir -p "$out"

echo "Building and packing the tasks for this machine ..."
go run ./build/pack vsix --targets host --quality 5 --out "$out/guardrails.vsix"
go build -o "$out/localagent" ./build/localagent
go build -o "$out/fakeazure" ./scripts/services/azure
go build -o "$out/fakepackages" ./scripts/services/packages
go build -o "$out/fakedevops" ./scripts/services/devops
go build -o "$out/fakeregistry" ./scripts/services/registry
export FAKEAZURE=$out/fakeazure FAKEPACKAGES=$out/fakepackages FAKEDEVOPS=$out/fakedevops FAKEREGISTRY=$out/fakeregistry

for replay in examples/disasters/*/replay.sh; do
  name=$(basename "$(dirname "$replay")")
  printf '\n════ Disaster %s: %s ════\n' "${name%%-*}" "${name#*-}"
  work=$(mktemp -d "$out/work.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  "$replay" "$out/localagent" "$out/guardrails.vsix" "$work"
  rm -rf "$work"
done
printf '\nEach disaster was replayed, and stopped by its task. What this machine could not show says NOT SHOWN above.\n'
