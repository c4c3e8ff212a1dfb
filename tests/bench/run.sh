#!/usr/bin/env bash
# Durable governed calls a second and the latency that govd adds, beside nginx passing the same traffic through to the
# same upstream, in one run. `tests/bench/run.sh --help` names the options.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
case " $* " in
  *" -h "*|*" --help "*) exec python3 tests/bench/bench.py --help ;;
esac
bash packaging/install-deps.sh test
mkdir -p build
if ! { cmake --preset release && cmake --build build/release --parallel "$(bash packaging/build-jobs.sh)" --target govctl govd; } >build/bench.log 2>&1; then
  tail -n 40 build/bench.log >&2
  exit 1
fi
exec python3 tests/bench/bench.py --programs build/release "$@"
