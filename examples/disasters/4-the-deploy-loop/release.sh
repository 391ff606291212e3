#!/usr/bin/env bash
# What a developer does: writes the next version down, and pushes it. Comes back when no
# run is left.
# usage: release.sh VERSION (within fakedevops)
set -euo pipefail

clone=$(mktemp -d)
trap 'rm -rf "$clone"' EXIT
git -c include.path="$DEVOPS_GITCONFIG" clone -q "$DEVOPS_REPO" "$clone"
echo "$1" >"$clone/version.txt"
git -C "$clone" -c include.path="$DEVOPS_GITCONFIG" commit -qam "Release $1"
git -C "$clone" -c include.path="$DEVOPS_GITCONFIG" push -q origin HEAD:refs/heads/main
"$FAKEDEVOPS" wait
