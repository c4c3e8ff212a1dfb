#!/usr/bin/env bash
# packaging/quickstart.sh twice, for a user who has nothing yet: it works, the second time with what is there, and
# leaves no key where others can see it. Needs build/release.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
govctl=$root/build/release/cli/govctl

home=$(mktemp -d)
as_user() {
  env -i PATH="$PATH" HOME="$home" XDG_RUNTIME_DIR="$home/run" CCACHE_DIR="${CCACHE_DIR:-$HOME/.cache/ccache}" \
    ${GOVCTL_TESTS_RUN:+GOVCTL_TESTS_RUN="$GOVCTL_TESTS_RUN"} "$@"
}
mkdir -m 700 "$home/run"
finish() {
  as_user "$govctl" down >/dev/null 2>&1 || true
  rm -rf "$home"
}
trap finish EXIT
fail() {
  echo "quickstart_test: $1" >&2
  cat "$home"/out.* >&2
  exit 1
}

cd /
for run in 1 2; do
  as_user bash "$root/packaging/quickstart.sh" >"$home/out.$run" 2>&1 </dev/null || fail "run $run ended with $?"
done

grep -q 'agent demo/dev/tools/hello: created' "$home/out.1" || fail "the first run created no agent"
grep -q 'agent demo/dev/tools/hello: there already' "$home/out.2" || fail "the second run did not find the agent"
for run in 1 2; do
  grep -q 'This is a mock answer' "$home/out.$run" || fail "run $run shows no answer"
done

key_file=$home/.config/govctl/demo.key
[ "$(stat -c %a "$key_file")" = 600 ] || fail "the key file's mode is $(stat -c %a "$key_file")"
grep -qx 'cpk_[A-Za-z0-9_-]\{43\}' "$key_file" || fail "the key file holds no key"
for place in "$home"/out.* "$home/.local/state/govctl"; do
  if grep -rqF "$(cat "$key_file")" "$place"; then fail "the key stands in $place"; fi
done

entries=$(as_user "$govctl" ledger statement demo -o json --jq '[.items[].type] | join(" ")' | tr -d '"')
[ "$entries" = "CREDIT_PURCHASE USAGE_DEDUCTION USAGE_DEDUCTION" ] || fail "the ledger holds: $entries"
as_user "$govctl" down >/dev/null || fail "govctl down failed"
echo "quickstart_test: twice, clean"
