# Guardrails. "make help" lists the targets; README.md says what they are for.
#
# Every target works in a fresh clone. Go, Node.js, npm and git must be there;
# scripts/tools.sh says which of them is missing or too old, and where to get it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

export GOTOOLCHAIN := local
export CGO_ENABLED := 0

ORACLES := build/npm/node_modules/.package-lock.json
PACK    := go run ./build/pack
TESTS   ?= ./...

.PHONY: help demo test test-heavy check policies build package release verify generate oracles containers bench fmt clean tools

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

tools: ## check that Go, Node.js, npm and git are there and new enough
	@scripts/tools.sh

demo: tools ## build, pack and replay the post-mortem's pipelines on this machine
	@scripts/demo.sh

test: tools oracles ## run all tests
	go test -count=1 -timeout 30m -shuffle=on $(TESTS)

test-heavy: tools oracles ## race detector, long fuzzing, judges, the full reproducible release (hours)
	@scripts/test-heavy.sh

check: tools oracles ## what CI runs: generated files, format, vet, lint, all tests
	@scripts/check.sh

policies: tools ## hold the policies that PlatformBuild writes against CEL and Rego
	for judge in cel rego; do (cd build/policies/$$judge && go test -count=1 -mod=readonly ./...); done

build: tools ## stage every task for this machine in build/out/stage
	$(PACK) stage

package: tools ## make build/out/*.vsix for every platform, with SHA256SUMS and SBOM
	$(PACK) vsix

release: tools ## make build/out/release from a clone of the commit: smallest .vsix, one a task, sums, SBOM
	$(PACK) release

verify: tools ## build the commit again elsewhere and compare every byte, with the release if there is one
	$(PACK) verify

generate: tools ## write inputs_gen.go and the README tables from each task.json
	go run ./build/gentask

oracles: $(ORACLES) ## install the pinned npm programs and container tools that tests compare with
	@scripts/containers.sh --if-possible

containers: tools ## build BuildKit and buildx, and get the Docker engine, for the tests alone
	@scripts/containers.sh

$(ORACLES): build/npm/package-lock.json
	npm ci --prefix build/npm --ignore-scripts --no-audit --no-fund --loglevel=error
	@scripts/oracles.sh
	@touch $@

bench: tools oracles ## run the benchmarks against peers (scripts/bench)
	$(PACK) vsix --targets host --quality 5 --out build/out/demo/guardrails.vsix
	go run ./scripts/bench/startup
	go run ./scripts/bench/startup -node build/npm/node_modules/node24/bin/node
	go run ./scripts/bench/cache -on /dev/shm
	go run ./scripts/bench/cache -on build/out
	go run ./scripts/bench/vault
	cd scripts/bench/leak && go run .
	go run ./scripts/bench/audit
	go run ./scripts/bench/push -on /dev/shm
	go run ./scripts/bench/image -on /dev/shm

fmt: ## format the Go code
	gofmt -w $$(git ls-files '*.go')

clean: ## remove build/out and the installed test programs
	rm -rf build/out build/npm/node_modules
