#!/usr/bin/env bash
# The whole task with a project of some 1,500 npm packages: saved, wiped, restored,
# and installed from what was restored alone. Part of "make test-heavy", as the
# packages are downloaded from the registry.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/build/out/big
rm -rf "$out" && mkdir -p "$out/sources"
trap 'rm -rf "$out"' EXIT

go run ./scripts/bench/cache -n 0
cp build/out/bench/a/package.json build/out/bench/a/package-lock.json "$out/sources/"
echo "packages in the lock file: $(grep -c '"integrity"' "$out/sources/package-lock.json")"
go run ./build/pack vsix --targets host --quality 5 --out "$out/guardrails.vsix"
go build -o "$out/localagent" ./build/localagent

cat >"$out/pipeline.yml" <<'YML'
variables:
  npm_config_cache: $(Pipeline.Workspace)/.npm
  npmFlags: ''
  cacheStore: ''
steps:
- task: SafeCache@1
  name: cache
  inputs:
    ecosystem: npm
    directory: $(cacheStore)
- bash: |
    npm ci --ignore-scripts --legacy-peer-deps --no-audit --no-fund --loglevel=error $(npmFlags)
    echo "cache: $(cache.hit), files: $(cache.verifiedFiles), installed: $(find node_modules -name package.json | wc -l)"
YML

run() { # expected words, local agent arguments...
  local words=$1
  shift
  "$out/localagent" run --tasks "$out/guardrails.vsix" --sources "$out/sources" --var "cacheStore=$out/store" \
    --var Build.SourceBranch=refs/heads/main "$@" "$out/pipeline.yml" >"$out/log" 2>&1 ||
    { cat "$out/log"; echo "FAILED: the pipeline failed"; exit 1; }
  grep -E '^(Saved|Cache restored|The cache|cache: )' "$out/log"
  grep -qF -- "$words" "$out/log" || { cat "$out/log"; echo "FAILED: the log does not say \"$words\""; exit 1; }
}
run "cache: miss"
run "cache: exact" --var npmFlags=--offline
