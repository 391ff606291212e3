#!/usr/bin/env bash
# Replays the post-mortem's cache disaster with the real npm, first as it was,
# then with the packed SafeCache task.
# usage: replay.sh LOCALAGENT PACKAGE.vsix WORKFOLDER
#
# Exit status 0 means that every act ended as it says; anything else fails.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
agent=$1 package=$2 work=$3
store=$work/store
sources=$work/sources
rm -rf "$store" "$sources"
mkdir -p "$store" && cp -R "$here/project" "$sources" || exit 1

failed() {
  echo "DEMO FAILED: $1" >&2
  exit 1
}

# run a pipeline on the sources as they are now: expected exit status, expected
# words in the log, local agent arguments...
run() {
  local status=$1 words=$2 got=0
  shift 2
  "$agent" run --tasks "$package" --sources "$sources" --var "cacheStore=$store" \
    --var Build.SourceBranch=refs/heads/main "$@" >"$work/log" 2>&1 || got=$?
  [[ $got -eq $status ]] || { cat "$work/log"; failed "the pipeline ended with status $got, not $status"; }
  grep -qF -- "$words" "$work/log" || { cat "$work/log"; failed "the log does not say \"$words\""; }
}

act() { # title, then as run
  printf '\n──── %s\n\n' "$1"
  shift
  run "$@"
  cat "$work/log"
}

act "1. As it was, day 0: lodash 4.17.20 is installed, and the installation is cached" \
  0 "ships lodash 4.17.20" "$here/disaster.yml"

printf '\n──── 2. Day 1: the fix (lodash 4.17.21) is merged, in package.json alone. Nine days of builds:\n\n'
cp "$here/fix/package.json" "$sources/package.json" || exit 1
for day in 1 2 3 4 5 6 7 8 9; do
  run 0 "ships lodash 4.17.20" "$here/disaster.yml"
  echo "day $day: $(grep -o 'cache hit.*' "$work/log" | head -n 1); $(grep -o 'ships lodash.*' "$work/log" | head -n 1)"
done
echo "All green, all vulnerable."
rm -rf "$store"

act "3. SafeCache refuses to cache an installation at all" \
  1 "that is an installation (npm" "$here/installation.yml"

act "4. SafeCache refuses the stale lock file, and names the package, before anything is restored" \
  1 "lodash" "$here/build.yml"
grep -qF "4.17.21" "$work/log" && grep -qF "does not belong to" "$work/log" || failed "the log does not name the versions"

cp "$here/fix/package-lock.json" "$sources/package-lock.json" || exit 1
act "5. The lock file is renewed: the downloads that it names are saved, each verified" \
  0 "Saved 2 files" "$here/build.yml"
grep -qF "ships lodash 4.17.21" "$work/log" || failed "the build does not ship the fix"

act "6. The next build installs from the cache alone, without the registry" \
  0 "ships lodash 4.17.21" --var npmFlags=--offline "$here/build.yml"
grep -qF "cache: exact" "$work/log" || failed "the cache was not hit"

# Somebody who can write to the store changes one byte of the cached downloads.
pack=$(find "$store" -name '*.pack' | head -n 1)
[[ -n $pack ]] || failed "found no cached data in $store"
chmod u+w "$pack" && printf 'X' | dd of="$pack" bs=1 seek=2048 conv=notrunc status=none || exit 1
act "7. The cache was tampered with: rejected, nothing of it is restored, and the build goes on without it" \
  0 "was rejected, and nothing of it was restored" "$here/build.yml"
grep -qF "ships lodash 4.17.21" "$work/log" || failed "the build does not ship the fix"

printf '\nAll seven acts ended as they should.\n'

"$here/audit/replay.sh" "$agent" "$package" "$work"
