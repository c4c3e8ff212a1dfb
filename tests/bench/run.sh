#!/usr/bin/env bash
# The figures of speed: builds release, then measures and prints each part beside its rival or its aim.
#   tests/bench/run.sh [PART…] [OPTION…]    all parts, or those that are named; options are the part's
#     calls      calls/s, median and p99 through govd, nginx and Portkey's gateway; CPU of a call      (bench.py)
#     streams    memory of 2,000 streams, plain and over TLS; a chunk's delay; a long request's CPU    (streams.py)
#     ledger     start, verify and calls at 10^3 to 10^7 rows                                          (ledger.py)
#     commands   govctl's own time                                                                     (commands.py)
#   tests/bench/run.sh PART --help    the part's options; options without a part are those of calls
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

declare -A programs=([calls]=bench.py [streams]=streams.py [ledger]=ledger.py [commands]=commands.py)
parts=()
while [ $# -gt 0 ] && [ -n "${programs[$1]:-}" ]; do
  parts+=("$1")
  shift
done
case " $* " in
  *" -h "*|*" --help "*)
    [ ${#parts[@]} -gt 0 ] || sed -n '2,8s/^# \{0,1\}//p' tests/bench/run.sh
    for part in "${parts[@]}"; do python3 "tests/bench/${programs[$part]}" --help; done
    exit 0 ;;
esac
if [ ${#parts[@]} -eq 0 ]; then
  parts=(calls streams ledger commands)
  [ $# -eq 0 ] || parts=(calls)
fi

bash tests/bench/build.sh govctl govd bench_ledger_rows
result=0
for part in "${parts[@]}"; do
  printf '\n== %s\n' "$part"
  python3 "tests/bench/${programs[$part]}" --programs build/release "$@" || result=1
done
exit "$result"
