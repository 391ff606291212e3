#!/usr/bin/env bash
# Puts the programs that container tests run into build/out/containers, and nothing
# into the system: buildkitd and buildx are built from the Go modules that
# build/containers pins, the Docker engine comes from Debian's or Ubuntu's packages.
#
#   bin/                  buildkitd buildctl docker-buildx docker dockerd containerd runc ...
#   busybox-amd64, -arm64 static programs, of which tests make base images
#   qemu-aarch64-static   for builds of arm64 by emulation
#
# It needs Go, apt-get and dpkg, but not root, and does nothing when what pins the
# programs has not changed. With --if-possible it fails in CI only: elsewhere it says
# what tests will not test.
set -euo pipefail
cd "$(dirname "$0")/.."

buildkit=v0.34.2 buildx=v0.38.2 # for what the programs say; build/containers/go.mod pins
packages=(docker.io containerd runc tini busybox-static qemu-user-static)
programs=(docker dockerd docker-init docker-proxy containerd containerd-shim-runc-v2 runc)
out=$PWD/build/out/containers

fail() { # what is wrong, what to do
  printf 'CONTAINERS ARE NOT TESTED: %s\n' "$@" >&2
  [[ ${lenient:-} && ! ${CI:-}${TF_BUILD:-} ]] || exit 1
  exit 0
}
[[ ${1:-} != --if-possible ]] || lenient=yes

[[ $(uname -s) == Linux ]] || fail "the Docker engine and BuildKit run on Linux only"
for program in go apt-get dpkg-deb dpkg flock sha256sum; do
  command -v "$program" >/dev/null || fail "there is no $program; this script needs a Debian or Ubuntu with Go"
done
native=$(dpkg --print-architecture)

grep -q "github.com/moby/buildkit $buildkit " build/containers/go.mod &&
  grep -q "github.com/docker/buildx $buildx " build/containers/go.mod ||
  fail "scripts/containers.sh and build/containers/go.mod name different versions"

mkdir -p "$out"
exec 9>"$out/lock"
flock 9
stamp=$(cat build/containers/go.mod build/containers/go.sum scripts/containers.sh /etc/os-release <(go version) | sha256sum)
[[ $(cat "$out/stamp" 2>/dev/null) != "$stamp" ]] || exit 0
rm -rf "$out/stamp" "$out/new"
mkdir -p "$out/new/bin"

# built makes a program of a pinned module.
built() { # name, package, linker flags
  echo "building $1 (the first time this takes minutes)"
  (cd build/containers && GOFLAGS=-mod=readonly CGO_ENABLED=0 nice go build -trimpath -buildvcs=false \
    -ldflags "-s -w $3" -o "$out/new/bin/$1" "$2") || fail "$2 does not build"
}

# debian unpacks packages of an architecture into a folder. Its apt keeps lists of its
# own, so that neither root nor the system's lists are needed.
debian() { # architecture, folder, package...
  local arch=$1 into=$2 root=$out/new/apt-$1 deb
  shift 2
  mkdir -p "$root"/{state/lists/partial,cache/archives/partial,debs} "$into"
  : >"$root/status"
  local apt=(apt-get -qq -o "APT::Architecture=$arch" -o "APT::Architectures=$arch" -o APT::Sandbox::User=
    -o "Dir::State=$root/state" -o "Dir::State::status=$root/status" -o "Dir::Cache=$root/cache" -o Acquire::Retries=3)
  if [[ $arch != "$native" && $(. /etc/os-release && echo "$ID") == ubuntu ]]; then
    # Ubuntu has the other architectures at another address.
    sed -E 's,https?://[a-z.]*(archive|security)\.ubuntu\.com/ubuntu,http://ports.ubuntu.com/ubuntu-ports,' \
      /etc/apt/sources.list /etc/apt/sources.list.d/ubuntu.sources >"$root/ubuntu.sources" 2>/dev/null || true
    grep -q '^deb ' "$root/ubuntu.sources" && mv "$root"/ubuntu.{sources,list}
    apt+=(-o "Dir::Etc::sourcelist=$(ls "$root"/ubuntu.*)" -o Dir::Etc::sourceparts=/dev/null)
  fi
  # A list of somebody else's that cannot be had is no reason to stop.
  "${apt[@]}" update >"$root/log" 2>&1 || true
  (cd "$root/debs" && "${apt[@]}" download "$@") >>"$root/log" 2>&1 ||
    fail "cannot download $* for $arch:" "$(tail -n 3 "$root/log")"
  for deb in "$root"/debs/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$into" --no-same-owner --wildcards './bin/*' './sbin/*' './usr/*bin/*' 2>/dev/null ||
      [[ ${PIPESTATUS[0]} == 0 ]] || fail "cannot unpack $deb"
  done
  rm -rf "$root"
}

# taken moves a program out of an unpacked package.
taken() { # folder, program, target
  local found
  found=$(find "$1" -name "$2" \( -type f -o -type l \) -path '*bin/*' | head -n 1)
  [[ $found ]] || fail "the packages ${packages[*]} have no $2"
  cp -L "$found" "$3"
}

echo "getting ${packages[*]}"
debian "$native" "$out/new/root" "${packages[@]}"
for program in "${programs[@]}"; do
  taken "$out/new/root" "$program" "$out/new/bin/$program"
  if lost=$(ldd "$out/new/bin/$program" 2>/dev/null | awk '/not found/ { print $1 }') && [[ $lost ]]; then
    fail "$program needs $(xargs <<<"$lost"): install the packages that have them (libdevmapper1.02.1, libseccomp2)"
  fi
done
for arch in amd64 arm64; do
  [[ $arch == "$native" ]] || debian "$arch" "$out/new/root-$arch" busybox-static
  from=$out/new/root; [[ $arch == "$native" ]] || from=$from-$arch
  taken "$from" busybox "$out/new/busybox-$arch"
done
taken "$out/new/root" qemu-aarch64-static "$out/new/qemu-aarch64-static"
rm -rf "$out"/new/root*

built docker-buildx github.com/docker/buildx/cmd/buildx "-X github.com/docker/buildx/version.Version=$buildx"
for program in buildkitd buildctl; do
  built $program github.com/moby/buildkit/cmd/$program "-X github.com/moby/buildkit/version.Version=$buildkit"
done

# Not the folder itself: it holds the lock, and what scripts/containers-heavy.sh has made.
for new in "$out"/new/*; do
  rm -rf "${out:?}/$(basename "$new")"
  mv "$new" "$out/"
done
rmdir "$out/new"
echo "$stamp" >"$out/stamp"
"$out/bin/docker" --version
"$out/bin/docker-buildx" version
"$out/bin/buildkitd" --version
