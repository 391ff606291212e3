#!/usr/bin/env bash
# Replays the post-mortem's cache disaster with the packed SafeCache task.
# usage: replay.sh LOCALAGENT PACKAGE.vsix WORKFOLDER
#
# Exit status 0 means that every act ended as it says; anything else fails.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
agent=$1 package=$2 work=$3
store=$work/store
proxy="file://$(go env GOMODCACHE)/cache/download,$(go env GOPROXY)"
rm -rf "$store" && mkdir -p "$store" || exit 1

act() { # title, expected exit status, expected words in the log, local agent arguments...
  local title=$1 status=$2 words=$3 got=0
  shift 3
  printf '\n──── %s\n\n' "$title"
  "$agent" run --tasks "$package" --sources "$here/project" \
    --var "cacheStore=$store" --var "goProxy=$goproxy" "$@" 2>&1 | tee "$work/log" || got=${PIPESTATUS[0]}
  if [[ $got -ne $status ]]; then
    echo "DEMO FAILED: the pipeline ended with status $got, not $status" >&2
    exit 1
  fi
  if ! grep -qF -- "$words" "$work/log"; then
    echo "DEMO FAILED: the log does not say \"$words\"" >&2
    exit 1
  fi
}

goproxy=$proxy
act "1. First run: nothing is cached yet; the downloads are saved when the job has succeeded" \
  0 "Saved" "$here/build.yml"

goproxy=off # from here on there is no network: only the cache can provide the modules
act "2. Second run, without a network: restored, every file verified" \
  0 "cache hit: true" "$here/build.yml"

act "3. A cached installation (node_modules) is refused" \
  1 "that is an installation (npm" "$here/installation.yml"

# Somebody who can write to the store changes one byte of the cached downloads.
entry=$(find "$store" -type f -size +4k | sort | head -n 1)
[[ -n $entry ]] || { echo "DEMO FAILED: found no cached data in $store" >&2; exit 1; }
printf 'X' | dd of="$entry" bs=1 seek=2048 conv=notrunc status=none || exit 1
act "4. The cache was tampered with: refused, and nothing of it is restored" \
  1 "nothing of it was restored" "$here/build.yml"

printf '\nAll four acts ended as they should.\n'
