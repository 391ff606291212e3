#!/usr/bin/env bash
# Builds into build/out/containers/heavy what judges policies and signatures, from the
# Go modules that the folders of build/containers pin: gator (of Gatekeeper), cosign,
# and a Kubernetes API server with its store and client; and the buildx of hosted
# agents, which is older than the one that all tests run. The first time it takes up to
# an hour of a core; after that, what pins a program has to change.
#
#   scripts/containers-heavy.sh [PROGRAM ...]       all of them if none is named
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/build/out/containers/heavy
mkdir -p "$out"
exec 9>"$out/lock"
flock 9

built() { # program, module in build/containers, package, linker flags
  local name=$1 module=build/containers/$2 package=$3 flags="-s -w ${4:-}" stamp
  [[ ${#wanted[@]} == 0 || " ${wanted[*]} " == *" $name "* ]] || return 0
  stamp=$(cat "$module"/go.{mod,sum} <(echo "$flags"; go version) | sha256sum)
  [[ $(cat "$out/$name.stamp" 2>/dev/null) != "$stamp" ]] || return 0
  echo "building $name in $module"
  (cd "$module" && CGO_ENABLED=0 GOFLAGS=-mod=readonly nice -n 19 \
    go build -p "${JOBS:-1}" -trimpath -buildvcs=false -ldflags "$flags" -o "$out/$name.new" "$package") || {
    echo "$package does not build" >&2
    return 1
  }
  mv "$out/$name.new" "$out/$name"
  echo "$stamp" >"$out/$name.stamp"
}

wanted=("$@")
failed=0
built gator gator github.com/open-policy-agent/gatekeeper/v3/cmd/gator || failed=1
built cosign cosign github.com/sigstore/cosign/v3/cmd/cosign || failed=1
built etcd kubernetes ./etcd || failed=1
version="-X github.com/docker/buildx/version.Version=$(cd build/containers/buildx && go list -m -f '{{.Version}}' github.com/docker/buildx)"
built docker-buildx-0.20 buildx github.com/docker/buildx/cmd/buildx "$version" || failed=1
# Its clients do not take a server without a version.
version="-X k8s.io/component-base/version.gitVersion=$(cd build/containers/kubernetes && go list -m -f '{{.Version}}' k8s.io/kubernetes)"
built kubectl kubernetes k8s.io/kubernetes/cmd/kubectl "$version" || failed=1
built kube-apiserver kubernetes k8s.io/kubernetes/cmd/kube-apiserver "$version" || failed=1
exit $failed
