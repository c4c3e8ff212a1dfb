#!/usr/bin/env bash
# What is measured: the release build's targets that are named, built silently; packages first.
#   tests/bench/build.sh TARGET…
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bash packaging/install-deps.sh test
mkdir -p build
if ! { cmake --preset release -DGOVCTL_TESTS=ON && cmake --build build/release --parallel "$(bash packaging/build-jobs.sh)" --target "$@"; } \
  >build/bench.log 2>&1; then
  tail -n 40 build/bench.log >&2
  exit 1
fi
