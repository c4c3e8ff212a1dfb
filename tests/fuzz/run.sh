#!/usr/bin/env bash
# Fuzzes every target, or those that are named, for so many seconds each, with AddressSanitizer and
# UndefinedBehaviorSanitizer, from its seeds on. What is found is kept in build/fuzz/found; what is learned in
# build/fuzz/corpus, for the next time.
#   tests/fuzz/run.sh SECONDS [TARGET…]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds=${1:?usage: tests/fuzz/run.sh SECONDS [TARGET…]}
shift
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for seeds in tests/fuzz/seeds/*/; do targets+=("$(basename "$seeds")"); done
fi

cmake --preset asan -B build/fuzz -DGOVCTL_FUZZ=ON \
  -DCMAKE_CXX_FLAGS="-Xclang -fno-pch-timestamp -fsanitize=fuzzer-no-link" >/dev/null
cmake --build build/fuzz --parallel "$(bash packaging/build-jobs.sh)" --target "${targets[@]/#/fuzz_}"

export ASAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer-19 UBSAN_OPTIONS=print_stacktrace=1
mkdir -p build/fuzz/found
result=0
for target in "${targets[@]}"; do
  corpus=build/fuzz/corpus/$target
  mkdir -p "$corpus"
  printf '== %s, %s s\n' "$target" "$seconds"
  build/fuzz/tests/fuzz/"fuzz_$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/found/$target-" "$corpus" "tests/fuzz/seeds/$target" 2>&1 |
    grep -E 'ERROR|SUMMARY|runtime error|number_of_executed_units|Test unit written' || true
  [ "${PIPESTATUS[0]}" -eq 0 ] || result=1
done
exit "$result"
