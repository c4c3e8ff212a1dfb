#!/usr/bin/env bash
# The Debian package of this tree: built from the release programs, holds what it must, lintian has nothing against it,
# and its units are sound and sandboxed. deb_test.sh RELEASE_DIR
set -euo pipefail
release=$1
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { printf 'deb_test: %s\n' "$*" >&2; exit 1; }

package=$(GOVCTL_RELEASE_DIR=$release bash "$root/packaging/build-deb.sh" "$work/out" | tail -1)
x=$work/x
dpkg-deb -x "$package" "$x"

for file in usr/bin/govctl usr/bin/govd lib/systemd/system/govd.service lib/systemd/system/govd.socket \
  usr/lib/systemd/user/govd.service usr/lib/systemd/user/govd.socket usr/lib/sysusers.d/govctl.conf \
  usr/lib/tmpfiles.d/govctl.conf usr/share/bash-completion/completions/govctl \
  usr/share/zsh/vendor-completions/_govctl usr/share/fish/vendor_completions.d/govctl.fish \
  usr/share/doc/govctl/{README.md.gz,changelog.gz,copyright} usr/share/man/man8/govd.8.gz; do
  [ -e "$x/$file" ] || fail "the package lacks $file"
done
for page in "$root"/man/*; do
  name=$(basename "$page")
  [ -e "$x/usr/share/man/man${name##*.}/$name.gz" ] || fail "the package lacks the page $name"
done
"$x/usr/bin/govctl" completion bash | cmp - "$x/usr/share/bash-completion/completions/govctl" ||
  fail "the packaged completion is not what the packaged govctl prints"
version=$("$x/usr/bin/govd" --version | cut -d' ' -f2)
[ "$(dpkg-deb -f "$package" Version)" = "$version" ] || fail "the package's version is not govd's, $version"
[ -z "$(find "$x" -perm /6022 ! -type l)" ] || fail "others may write in the package: $(find "$x" -perm /6022 ! -type l)"

lintian --fail-on error,warning --allow-root "$package" >"$work/lintian" || fail "lintian: $(cat "$work/lintian")"

# The units, with the programs where this test has them.
mkdir -p "$work/system" "$work/user" "$work/run"
for kind in system user; do
  for unit in "$x"/{lib,usr/lib}/systemd/$kind/govd.*; do
    [ -e "$unit" ] || continue
    sed "s|=/usr/bin/|=$x/usr/bin/|" "$unit" >"$work/$kind/$(basename "$unit")"
  done
done
export XDG_RUNTIME_DIR=$work/run
for unit in govd.service govd.socket; do
  said=$(systemd-analyze verify --man=no "$work/system/$unit" 2>&1) && [ -z "$said" ] || fail "$unit: $said"
  said=$(systemd-analyze --user verify --man=no "$work/user/$unit" 2>&1) && [ -z "$said" ] || fail "user's $unit: $said"
done
# In tenths: 1.5 at most.
systemd-analyze security --no-pager --offline=yes --threshold=15 "$x/lib/systemd/system/govd.service" \
  >"$work/security" || fail "the sandbox has holes: $(cat "$work/security")"
echo "deb_test: $(basename "$package"), $(tail -1 "$work/security" | tr -d '→' | sed 's/^ *//')"
