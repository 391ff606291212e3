#!/usr/bin/env bash
# Replays the post-mortem's deploy loop: repositories, pipelines that a push really starts,
# and the team's webhook are on this machine (scripts/services/devops). First as it was,
# then with the packed GuardedPush task.
# usage: replay.sh LOCALAGENT PACKAGE.vsix WORKFOLDER
#
# Exit status 0 means that every act ended as it says; anything else fails.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
work=$3
# What the pipelines' triggers name (one-pipeline.json, two-pipelines.json).
export HERE=$here AGENT=$1 PACKAGE=$2 PIPELINE FAKEDEVOPS
# Nobody's settings but those of the replay count.
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null

failed() {
  echo "DEMO FAILED: $1" >&2
  exit 1
}

# title, the organization, the pipeline, a script to run there
act() {
  printf '\n──── %s\n\n' "$1"
  PIPELINE=$3
  rm -rf "$work/logs"
  "$FAKEDEVOPS" -config "$here/$2" -logs "$work/logs" -state "$work/state" -- bash -euc "$4" >"$work/told" 2>&1 ||
    { cat "$work/told"; failed "the organization ended with status $?"; }
  grep -v ' is queued$' "$work/told" | sed 's/^devops: //'
}

runs() { # number, of pipeline, with result
  local got
  got=$(grep -c "^run [0-9]* of $2: .* completed $3 " "$work/state")
  [[ $got -eq $1 ]] || failed "$got runs of pipeline $2 $3, not $1"
}

pipeline() { # state of pipeline 7
  grep -qx "pipeline 7 .*: $1" "$work/state" || failed "the pipeline is not $1"
}

alerts() { # number, title
  local got
  got=$(grep '^alert ' "$work/state" | grep -cF "\"fallbackText\":\"$2\"")
  [[ $got -eq $1 ]] || failed "$got alerts \"$2\", not $1"
  echo "Alerts to the team: $1 x \"$2\""
}

says() { # run, words
  grep -qF -- "$2" "$work/logs/$1.log" || { cat "$work/logs/$1.log"; failed "the log of run $1 does not say \"$2\""; }
}

show() { # run: what GuardedPush says there
  printf '\nRun %s:\n' "$1"
  sed -n '/^Repository: /,/^##\[section\]Finishing/p' "$work/logs/$1.log" | sed '$d; s/^/  /'
}

# A round takes a moment here; the post-mortem's took almost four minutes.
act "1. As it was: the badge's commit starts the pipeline again (the replay ends after 47 runs)" \
  one-pipeline.json disaster.yml '"$HERE/release.sh" 1.4.2' >"$work/act"
head -n 7 "$work/act" && echo "..." && tail -n 3 "$work/act"
runs 47 7 succeeded
deployed=$(grep -hx 'deploys shop 1.4.2 to production' "$work"/logs/*.log | wc -l)
[[ $deployed -eq 47 ]] || failed "1.4.2 was deployed $deployed times, not 47"
echo "One release, and $deployed deployments of 1.4.2. All green."

act "2. GuardedPush: the badge's commit starts nothing, and the same badge again is no commit" \
  one-pipeline.json badge.yml '"$HERE/release.sh" 1.4.2; "$FAKEDEVOPS" queue 7; "$FAKEDEVOPS" wait'
runs 2 7 succeeded
grep -qF "it says [skip ci]" "$work/told" || failed "the badge's commit does not say [skip ci]"
says 101 "Pushed "
says 102 "nothing that counts has changed"
show 102

act "3. Two pipelines that start each other: it ends as soon as nothing is left to change" \
  two-pipelines.json deploy.yml '"$HERE/release.sh" 1.4.2'
runs 2 7 succeeded
says 101 "Pushed "
says 103 "Nothing to push"
show 103

act "4. Every run changes something: the breaker trips at the 4th run, tells the team, disables the pipeline" \
  two-pipelines.json stamped.yml '"$HERE/release.sh" 1.4.2; "$HERE/release.sh" 1.4.3'
runs 3 7 succeeded
runs 1 7 failed
says 107 "4 runs of this pipeline within 10 minutes, the limit is 3"
show 107
pipeline disabled
grep -qF "no run of deploy: the pipeline is disabled" "$work/told" || failed "the next release starts the pipeline"
alerts 1 "Circuit breaker tripped: deploy"

act "5. Reset, but the cause is still there: one push is let through, and the next one trips it again" \
  two-pipelines.json stamped.yml \
  '"$HERE/release.sh" 1.4.2; "$FAKEDEVOPS" queue 9; "$FAKEDEVOPS" wait; "$HERE/release.sh" 1.4.3'
runs 4 7 succeeded
runs 2 7 failed
runs 1 9 succeeded
says 108 "Pipeline 7 is enabled again."
says 109 "Circuit breaker half open"
show 111
pipeline disabled
alerts 2 "Circuit breaker tripped: deploy"
alerts 1 "Circuit breaker reset: deploy"

act "6. A loop too slow for a limit of runs: it trips at the third deployment of one version" \
  two-pipelines.json slow.yml '"$HERE/release.sh" 1.4.2'
runs 2 7 succeeded
runs 1 7 failed
show 105
pipeline disabled
alerts 1 "Circuit breaker tripped: deploy"

printf '\nAll six acts ended as they should.\n'
