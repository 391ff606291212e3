#!/usr/bin/env bash
# Says which tool is missing or too old, all at once, and fails if any is.
set -uo pipefail

missing=0
found=
need() { # name, wanted version, found version, where to get it
  if [[ -z $3 ]]; then
    echo "missing: $1 $2 or newer. Get it from $4" >&2
    missing=1
  elif [[ $(printf '%s\n%s\n' "$2" "$3" | sort -V | head -n 1) != "$2" ]]; then
    echo "too old: $1 $3, but $2 or newer is needed. Get it from $4" >&2
    missing=1
  else
    found+="${found:+, }$1 $3"
  fi
}
version() { "$@" 2>/dev/null | grep -Eo '[0-9]+(\.[0-9]+)+' | head -n 1; }

need Go 1.26 "$(version go version)" https://go.dev/dl/
need Node.js 20.0 "$(version node --version)" https://nodejs.org/
need npm 9.0 "$(version npm --version)" https://nodejs.org/
need git 2.30 "$(version git --version)" https://git-scm.com/

if ((missing)); then
  echo "Install what is named above, and run make again." >&2
  exit 1
fi
[[ ${1:-} != --quiet ]] || exit 0
echo "Tools: $found"
