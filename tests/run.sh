#!/usr/bin/env bash
# Installs what is needed, builds, runs every test; the last line is ctest's own summary.
#   tests/run.sh               everything that is asked of a change (15 minutes on 2 cores from nothing)
#   tests/run.sh --full        clang-tidy on all files, and what takes longer
#   tests/run.sh --fast        one debug build and its tests: no sanitizers, no clang-tidy
#   tests/run.sh -R REGEX      only the tests whose name matches; further arguments go to ctest too
# BASE names the commit whose difference clang-tidy looks at; see tests/lint/tidy.py for the default.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Whatever hangs ends after 85 minutes.
if [ -z "${GOVCTL_TESTS_GUARDED:-}" ]; then
  guard=(timeout --kill-after=60 85m)
  [ -t 0 ] && guard=(timeout --foreground --kill-after=60 85m)  # so that Ctrl-C reaches the tests
  GOVCTL_TESTS_GUARDED=1 exec "${guard[@]}" bash tests/run.sh "$@" </dev/null
fi

mode=default
ctest_arguments=()
while [ $# -gt 0 ]; do
  case "$1" in
    --full) mode=full ;;
    --fast) mode=fast ;;
    -h|--help) sed -n '2,6s/^# \{0,1\}//p' tests/run.sh; exit 0 ;;
    *) ctest_arguments+=("$1") ;;
  esac
  shift
done

started=$SECONDS
started_at=$(date +%s)
step() { printf '\n== %s (%d s)\n' "$1" "$((SECONDS - started))"; }
# configure PRESET [cmake arguments…]
configure() { cmake --preset "$1" "${@:2}" >build/"$1".configure.log 2>&1 || { cat build/"$1".configure.log; exit 1; }; }
cores=$(nproc)
jobs=$(bash packaging/build-jobs.sh)

step "packages"
bash packaging/install-deps.sh test
mkdir -p build

if [ "$mode" = fast ]; then
  tree=build/dev
  step "build: dev"
  configure dev -DGOVCTL_RELEASE_DIR="$PWD/build/dev" -DGOVCTL_TSAN_DIR= -DGOVCTL_TIDY=OFF
  cmake --build build/dev --parallel "$jobs"
else
  tree=build/asan
  step "build: release programs"
  configure release
  cmake --build build/release --parallel "$jobs"
  step "build: thread-sanitized units"
  configure tsan
  cmake --build build/tsan --parallel "$jobs" --target unit_tenant unit_store unit_http
  step "build: asan"
  tidy=CHANGED
  [ "$mode" = full ] && tidy=FULL
  configure asan -DGOVCTL_RELEASE_DIR="$PWD/build/release" -DGOVCTL_TSAN_DIR="$PWD/build/tsan" -DGOVCTL_TIDY=$tidy
  cmake --build build/asan --parallel "$jobs"
fi

step "tests"
export GOVCTL_TESTS_MODE=$mode GOVCTL_TESTS_RUN=$$.$started_at
export ASAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer-19 UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:external_symbolizer_path=/usr/bin/llvm-symbolizer-19
result=0
ctest --test-dir "$tree" --output-on-failure --no-tests=error --parallel "$cores" --timeout 900 \
  "${ctest_arguments[@]}" || result=$?

# No test may leave a process behind. Those that were started here carry the mark of this run.
for process in /proc/[0-9]*; do
  pid=${process#/proc/}
  if grep -qzxF "GOVCTL_TESTS_RUN=$GOVCTL_TESTS_RUN" "$process/environ" 2>/dev/null &&
    [ "$(ps -o ppid= -p "$pid" | tr -d ' ')" != $$ ]; then
    echo "left running by a test, ended now: $pid $(tr '\0' ' ' <"$process/cmdline")" >&2
    kill "$pid" 2>/dev/null || true
    result=1
  fi
done
exit "$result"
