#!/usr/bin/env bash
# What CI runs, and what to run before a commit. Every failure names the command
# that mends it.
set -uo pipefail
cd "$(dirname "$0")/.."

failed=0
step() { # what, how to mend it, command...
  local what=$1 fix=$2
  shift 2
  echo "== $what"
  if ! "$@"; then
    echo "FAILED: $what. To mend it: $fix" >&2
    failed=1
  fi
}

formatted() {
  local list files
  list=$(git ls-files --cached --others --exclude-standard '*.go') && [[ -n $list ]] || return 1
  # shellcheck disable=SC2086 # our file names have no spaces
  files=$(gofmt -l $list) || return 1
  [[ -z $files ]] || { echo "$files"; return 1; }
}

# Every platform we ship for must compile, tests included.
vetted() {
  local os
  for os in linux darwin windows; do
    GOOS=$os go vet ./... || return 1
  done
}

# The demo's log is for people; here only its failure is of interest.
quietly() {
  local log=build/out/quiet.log
  mkdir -p build/out
  "$@" >"$log" 2>&1 || { cat "$log"; return 1; }
}

linted() {
  local tool=$PWD/build/out/tools/staticcheck
  (cd build/tools && go build -o "$tool" honnef.co/go/tools/cmd/staticcheck) && "$tool" ./...
}

step "generated files are current" "make generate, and commit" go run ./build/gentask -check
step "gofmt" "make fmt" formatted
step "go vet (linux, darwin, windows)" "correct what vet names" vetted
step "staticcheck" "correct what it names, or ignore one finding with //lint:ignore and the reason" linted
step "go.mod is tidy" "go mod tidy, and commit" go mod tidy -diff
step "demo" "make demo shows it" quietly make --no-print-directory demo
step "policies" "correct what fails in build/policies" make --no-print-directory policies
step "tests" "correct what fails; one package: go test ./path/to/it" make --no-print-directory test

exit $failed
