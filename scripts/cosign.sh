#!/usr/bin/env bash
# Shows that PlatformBuild's signatures are those of cosign: builds the real one (the
# version that build/containers/cosign pins; it takes some minutes the first time),
# and prints what it says to
#   - images that we have signed and attested with a key of a vault (a fake one), by
#     ECDSA and RSA: good; with another claim, unsigned, or with a signature that was
#     copied from another image: refused;
#   - and we to an image that it has signed and attested itself.
# Nothing leaves the machine: the registry is one in the test, and there is no
# transparency log. scripts/test-heavy.sh runs the same, among the tests of PlatformBuild.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/containers-heavy.sh cosign
GUARDRAILS_JUDGES=required go test -count=1 -v -run 'Cosign' ./tasks/platformbuild/signature
