#!/usr/bin/env bash
# Abuses the release govd at full counts, 10,000 idle connections among them, while callers that behave go on.
# `tests/load/run.sh --help` names the options.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
case " $* " in
  *" -h "*|*" --help "*) exec python3 tests/load/load_abuse.py --help ;;
esac
bash tests/bench/build.sh govctl govd
exec python3 tests/load/load_abuse.py --programs build/release "$@"
