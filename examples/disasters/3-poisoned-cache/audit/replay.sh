#!/usr/bin/env bash
# Replays what npm ci and npm audit let pass, with the real npm and a registry on this
# machine, and then the same with the packed AuditDeps task.
# usage: FAKEPACKAGES=<scripts/services/packages, built> replay.sh LOCALAGENT PACKAGE.vsix WORKFOLDER
#
# Exit status 0 means that every act ended as it says; anything else fails.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
agent=$1 package=$2 work=$3
sources=$work/shop cache=$work/installation
export npm_config_cache=$work/npm-cache
rm -rf "$sources" "$cache" && mkdir -p "$cache" && cp -R "$here/project" "$sources" || exit 1

failed() {
  echo "DEMO FAILED: $1" >&2
  exit 1
}

# title, expected exit status, lock file, pipeline, expected words in the log...
act() {
  local title=$1 status=$2 lock=$3 pipeline=$4 got=0
  shift 4
  printf '\n──── %s\n\n' "$title"
  cp "$here/locks/$lock.json" "$sources/package-lock.json" || exit 1
  # shellcheck disable=SC2016 # OSV_BUCKET is the service's
  "$FAKEPACKAGES" -config "$here/packages.json" -- bash -c '"$@" --var "osv=$OSV_BUCKET"' -- \
    "$agent" run --tasks "$package" --sources "$sources" --var "cache=$cache" "$here/$pipeline.yml" >"$work/log" 2>&1 || got=$?
  cat "$work/log"
  [[ $got -eq $status ]] || failed "the pipeline ended with status $got, not $status"
  for words in "$@"; do
    grep -qF -- "$words" "$work/log" || failed "the log does not say \"$words\""
  done
}

act "8. A lock file that was merged by hand: npm ci and npm audit are green, and 1.2.5 ships" \
  0 merged before "found 0 vulnerabilities" "ships minimist 1.2.5"
act "9. AuditDeps sees what was installed, and why" \
  1 merged audited "FAILS         minimist 1.2.5: critical, GHSA-xvch-5gv4-984h" "lint/address" "installed/version"

# The lock file is mended; an installation from before still lies in a cache.
mkdir -p "$cache/node_modules/minimist" "$cache/node_modules/mkdirp" || exit 1
echo '{"name":"minimist","version":"1.2.5","main":"index.js"}' >"$cache/node_modules/minimist/package.json"
echo "module.exports = '1.2.5'" >"$cache/node_modules/minimist/index.js"
echo '{"name":"mkdirp","version":"0.5.5","dependencies":{"minimist":"^1.2.5"}}' >"$cache/node_modules/mkdirp/package.json"
act "10. A poisoned cache of the installation: npm audit reads the lock file, and is green" \
  0 fixed before "cache hit" "found 0 vulnerabilities" "ships minimist 1.2.5"
act "11. AuditDeps reads the disk: red, with what to do" \
  1 fixed audited "FAILS         minimist 1.2.5: critical" "install again, from the lock file alone (\`npm ci\`)" "CACHE_RESTORED"
rm -rf "$cache/node_modules"

act "12. The stale lock file of the post-mortem: the fix in one line" \
  1 stale audited "the lock file is stale: \`npm update minimist\` fixes it, no manifest change" "root > mkdirp > minimist"
act "13. After npm update minimist" 0 fixed audited "0 critical" "ships minimist 1.2.8"

printf '\nAll six acts ended as they should.\n'
