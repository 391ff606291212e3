#!/usr/bin/env bash
# Replays the post-mortem's images that work on one machine only: the registry, BuildKit, and
# a Docker engine that stands for a node are on this machine (scripts/services/registry). First
# as it was, then with the packed PlatformBuild task. Where containers cannot run, images that
# were prepared without them are verified instead, and it says so.
# usage: replay.sh LOCALAGENT PACKAGE.vsix WORKFOLDER
#
# Exit status 0 means that every act ended as it says; anything else fails.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
agent=$1 package=$2 work=$3
export FAKEREGISTRY
# Nobody's settings but those of the replay count.
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null

failed() {
  echo "DEMO FAILED: $1" >&2
  exit 1
}

act() { printf '\n──── %s\n\n' "$1"; }

# daemons or prepared: what there is besides the registry; first of all the former is tried.
mode=${4:-daemons}
# The nodes are of this machine's kind, and the laptop is of the other one: the post-mortem's
# nodes were amd64, and its laptop arm64.
node=amd64 laptop=arm64
if [[ $mode == daemons && $(uname -m) == aarch64 ]]; then node=arm64 laptop=amd64; fi

images() { # in the registry before anything is built; the last one says that it is for the node
  printf '{"images": {"base/busybox:1": ["amd64", "arm64"], "base/laptop:1": ["%s"], "naive/prepared:1.4.2": ["%s=%s"]}}' \
    "$laptop" "$node" "$laptop" >"$work/images.json"
}

# ---- outside: start the registry, and this file again beside it
if [[ ! ${4:-} ]]; then
  images
  "$FAKEREGISTRY" -config "$work/images.json" -daemons engine,buildkit -- "$0" "$@" daemons 2>"$work/refused"
  status=$?
  if [[ $status -ne 3 ]]; then
    cat "$work/refused" >&2
    exit $status
  fi
  echo
  sed -n 's/^registry: /NOT ALL IS SHOWN: /p' "$work/refused"
  echo "No image is built, and none is run. The registry has images that were prepared instead."
  node=amd64 laptop=arm64
  images
  exec "$FAKEREGISTRY" -config "$work/images.json" -- "$0" "$@" prepared
fi

# ---- inside
export BUILDX_BUILDER=remote
shop=$work/shop
cp -R "$here/shop" "$shop"
[[ $laptop == arm64 ]] || sed -i "s/arm64/$laptop/; s/amd64/$node/" "$shop"/*.Dockerfile "$shop"/deploy/*.yaml
cat >"$work/connection.json" <<CONNECTION
{
  "id": "2b7d4a10-93f5-4c7e-8a51-0d6e5c1b9f42", "name": "contoso", "url": "$REGISTRY_URL/",
  "auth": { "scheme": "UsernamePassword", "parameters": { "registry": "$REGISTRY_URL", "username": "", "password": "" } },
  "data": { "registrytype": "Others" }
}
CONNECTION

# compile what, for which processor
compile() {
  (cd "$shop" && CGO_ENABLED=0 GOOS=linux GOARCH=$2 go build -trimpath -ldflags='-s -w' -o "$1" server.go) ||
    failed "the service does not compile"
}

commit() {
  git init -q -b main "$shop" && git -C "$shop" add -A &&
    git -C "$shop" -c user.name=dev -c user.email=dev@example.com commit -q -m "$1" || failed "nothing is committed"
}

pipeline() { # how it must end, file, variable...
  local want=$1 file=$2 vars=()
  shift 2
  for v; do vars+=(--var "$v"); done
  "$agent" run --tasks "$package" --endpoint "$work/connection.json" --sources "$shop" \
    --var "node=$node" --var "registry=$REGISTRY" "${vars[@]}" "$here/$file" >"$work/log" 2>&1
  grep -q "^Job result: $want$" "$work/log" || { cat "$work/log"; failed "$file does not end as $want"; }
}

says() {
  grep -qE -- "$1" "$work/log" || { cat "$work/log"; failed "the log does not say \"$1\""; }
}

show() { # what PlatformBuild says, shorter
  grep -E '^(##\[error\]|##\[warning\][^c]|Looked into|Deploy by digest|Wrote|Built:|.* is sha256:)' "$work/log" |
    sed -E "s/^##\[(error|warning)\]/\1: /; s/sha256:([0-9a-f]{12})[0-9a-f]*/sha256:\1.../g; s/^/  /" | fold -s -w 118 |
    sed '2,$s/^\([^ ]\)/    \1/'
}

# The kernel of some machines runs programs of others, by QEMU; a node does not.
emulates() {
  local qemu=aarch64
  [[ $laptop == arm64 ]] || qemu=x86_64
  grep -qs '^enabled' "/proc/sys/fs/binfmt_misc/qemu-$qemu"
}

crashes() { # image, service
  if docker run --rm "$1" "$2" >"$work/ran" 2>&1; then
    emulates || { cat "$work/ran"; failed "$1 runs on this node"; }
    echo "$2: runs, as this machine emulates $laptop; a node does not"
  else
    grep -q 'exec format error' "$work/ran" || { cat "$work/ran"; failed "$1 does not fail by its format"; }
    echo "$2: $(grep -o 'exec.*exec format error' "$work/ran" | tail -n 1)"
  fi
}

# Without provenance, as the builder in a laptop's engine does it: the image is one manifest, which
# every node pulls, and not a list in which it would look for its own platform.
laptop_pushes() { # platform, Dockerfile, tag
  docker buildx build --provenance=false --platform "linux/$1" --push --build-arg "REGISTRY=$REGISTRY" -f "$shop/$2" -t "$REGISTRY/$3" "$shop" \
    >"$work/buildx" 2>&1 || { cat "$work/buildx"; failed "docker buildx build --platform linux/$1 --push does not succeed"; }
}

claims() { docker buildx imagetools inspect --format '{{.Image.OS}}/{{.Image.Architecture}}' "$REGISTRY/$1"; }

no_tag() { # repository
  local tags
  tags=$("$FAKEREGISTRY" tags "$1" | grep -v '^buildcache-')
  [[ ! $tags ]] || failed "$1 has the tags $tags"
  echo "  Tags of $1: none"
}

before_the_fix() {
  local services=(cart catalog checkout identity images mail orders payment prices search shipping stock) crashed=0
  act "1. As it was: an image from an $laptop laptop, on $node nodes"
  compile bin/server "$laptop"
  laptop_pushes "$laptop" Dockerfile shop/web:1.4.1
  echo "docker buildx build --platform linux/$laptop --push -t shop/web:1.4.1 .    exit status 0"
  for service in "${services[@]}"; do
    crashes "$REGISTRY/shop/web:1.4.1" "$service" && crashed=$((crashed + 1))
  done
  [[ $crashed -eq 12 ]] || failed "$crashed of 12 services were tried"
  echo "12 services, none runs."

  act "2. The post-mortem's own fix, docker buildx build --platform linux/$node --push: three images that lie"
  mkdir -p "$shop/tools"
  mv "$shop/bin/server" "$shop/tools/server"
  for lie in base platform copy; do
    laptop_pushes "$node" "$lie.Dockerfile" "naive/$lie:1.4.2"
    local says
    says=$(claims "naive/$lie:1.4.2")
    [[ $says == "linux/$node" ]] || failed "naive/$lie says $says"
    echo "$lie.Dockerfile: exit status 0, and the registry says $says. On a node:"
    crashes "$REGISTRY/naive/$lie:1.4.2" "  cart"
  done
}

with_the_task() {
  act "3. PlatformBuild: refused, before the build or after a look at what was pushed"
  commit "shop 1.4.2"
  for lie in base platform copy; do
    echo "$lie.Dockerfile:"
    pipeline Failed lie.yml "lie=$lie"
    says "##\[error\].*$laptop"
    show
    no_tag "shop/$lie"
  done
  ! grep -q 'to production$' "$work/log" || failed "the pipeline goes on"

  act "4. An image for the nodes, built by a pipeline"
  pipeline Succeeded build.yml "deployed=$work/deployed"
  show
  local image config
  image=$(cat "$work/deployed")
  [[ ${image#*@} == "$("$FAKEREGISTRY" digest shop/web 1.4.2)" ]] || failed "the tag is not of $image"
  echo "  Labels:"
  config=$(docker buildx imagetools inspect --format '{{json .Image.Config.Labels}}' "$image")
  grep -oE '"(built-by|pipeline|build-id|commit)": *"[^"]+"' <<<"$config" | tee "$work/labels" | sed 's/^/    /'
  [[ $(wc -l <"$work/labels") -eq 4 ]] || failed "the image has the labels $config"
  docker run --rm "$image" cart >"$work/ran" 2>&1 || { cat "$work/ran"; failed "$image does not run"; }
  grep -qx 'cart serves' "$work/ran" || { cat "$work/ran"; failed "$image does not serve"; }
  printf '  On a node: cart serves\n\nverify, before it is deployed:\n'
  pipeline Succeeded verify.yml "image=$REGISTRY/shop/web:1.4.2" origin=pipeline
  show
  printf '\nverify, of the image from the laptop:\n'
  pipeline Failed verify.yml "image=$REGISTRY/shop/web:1.4.1" origin=pipeline
  says 'has nothing for linux'
  says 'was not built by a pipeline'
  show
}

prepared() {
  act "1. The image of the laptop, and one that lies as the post-mortem's fix pushes it: verify refuses them"
  pipeline Failed verify.yml "image=$REGISTRY/base/laptop:1" origin=pipeline
  says 'has nothing for linux'
  says 'was not built by a pipeline'
  show
  pipeline Failed verify.yml "image=$REGISTRY/naive/prepared:1.4.2" origin=any
  says "is a linux/$laptop program, but the image claims linux/$node"
  show

  act "2. An honest image: verify passes"
  pipeline Succeeded verify.yml "image=$REGISTRY/base/busybox:1" origin=any
  show
  commit "shop 1.4.2"
}

cluster() {
  act "$1. The cluster's policies, and a manifest that does not keep to them"
  pipeline Failed cluster.yml
  says 'Wrote .*gatekeeper/constraint.yaml'
  says '##\[error\]deploy/cart.yaml\(16,.*contoso.azurecr.io.cdn.example'
  says '##\[error\]deploy/cart.yaml\(18,.*busybox'
  show
}

if [[ $mode == daemons ]]; then
  before_the_fix
  with_the_task
  cluster 5
  printf '\nAll five acts ended as they should.\n'
else
  prepared
  cluster 3
  printf '\nAll three acts ended as they should. Two were NOT SHOWN: images that are built and run (as root on Linux, after: make containers).\n'
fi
