#!/usr/bin/env bash
# What takes too long for every commit: the race detector, every fuzz target for
# FUZZTIME (default 60s), a cache of 1,500 npm packages, and a full release: all its
# files are built again elsewhere and compared byte for byte.
# Record what it printed in docs/verification.md.
set -uo pipefail
cd "$(dirname "$0")/.."
fuzztime=${FUZZTIME:-60s}
failed=0

echo "== race detector"
CGO_ENABLED=1 go test -race -count=1 -timeout 1h ./shared/... ./tasks/... || failed=1

echo "== fuzzing, $fuzztime a target"
while IFS=: read -r file target; do
  echo "-- $target ($(dirname "$file"))"
  go test "./$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "$fuzztime" -fuzzminimizetime 10x | tail -n 5 || failed=1
done < <(git ls-files '*_test.go' | xargs grep -Eo '^func Fuzz[A-Za-z0-9]+' | sed 's/func //' | sort)

echo "== savers killed at 100 random moments"
GUARDRAILS_KILLS=100 go test -count=1 ./tasks/safecache/attack -run Killed || failed=1

echo "== 20 pushers to one branch, 50 times"
GUARDRAILS_RACES=50 go test -count=1 -timeout 3h ./tasks/guardedpush -run ManyPushers || failed=1

echo "== a push killed around each of its steps"
GUARDRAILS_KILLED=everywhere go test -count=1 ./tasks/guardedpush -run '^TestKilled$' || failed=1

echo "== a project of 1,500 npm packages, from save to offline install"
scripts/test-big.sh || failed=1

echo "== Kyverno's own code judges its policy"
(cd build/policies/kyverno && go test -count=1 -mod=readonly ./...) || failed=1

echo "== what judges policies and signatures: gator, cosign, a Kubernetes API server"
{ scripts/containers-heavy.sh && GUARDRAILS_JUDGES=required go test -count=1 ./tasks/platformbuild/...; } || failed=1

echo "== PlatformBuild with the buildx of hosted agents, 0.20"
{ scripts/containers-heavy.sh docker-buildx-0.20 && GUARDRAILS_BUILDX=0.20 go test -count=1 \
  ./tasks/platformbuild ./tasks/platformbuild/buildx ./tasks/platformbuild/containertest ./tasks/platformbuild/dockerfile; } || failed=1

echo "== release, rebuilt and compared"
# -against: without a release it would compare two builds of its own, which is not what this is for.
{ go run ./build/pack release && go run ./build/pack verify -against build/out/release; } || failed=1

exit $failed
