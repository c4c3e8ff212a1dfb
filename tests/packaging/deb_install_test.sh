#!/usr/bin/env bash
# The package on a Debian 12 that has nothing else: installed, started as its units start it, called, upgraded, removed,
# purged. deb_install_test.sh RELEASE_DIR. Needs root, debootstrap and Debian's mirror; $GOVCTL_DEBROOT keeps the bare
# system for the next time (default: build/debroot). Ends with 77 where it cannot run.
set -euo pipefail
release=$1
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bare=${GOVCTL_DEBROOT:-$root/build/debroot}
cannot() { printf 'deb_install_test: not run: %s\n' "$1"; exit 77; }
[ "${GOVCTL_TESTS_MODE:-}" = full ] || cannot "it takes minutes; with GOVCTL_TESTS_MODE=full, or in tests/run.sh --full"
[ "$(id -u)" -eq 0 ] || cannot "only root can make a Debian in a directory"
command -v debootstrap >/dev/null || cannot "debootstrap is not installed"
# Mounts of its own, gone with this script.
[ -n "${GOVCTL_UNSHARED:-}" ] || GOVCTL_UNSHARED=1 exec unshare -m bash "$0" "$@"

if [ ! -e "$bare/etc/debian_version" ]; then
  debootstrap --variant=minbase bookworm "$bare.new" >"$bare.log" 2>&1 || cannot "debootstrap failed; see $bare.log"
  mv "$bare.new" "$bare"
fi
work=$(mktemp -d)
finish() {
  if [ -e "$work/x/run/govd.pid" ]; then kill "$(cat "$work/x/run/govd.pid")" 2>/dev/null || true; fi
  umount -R "$work/x/proc" "$work/x/dev" 2>/dev/null || true
  rm -rf --one-file-system "$work"
}
trap finish EXIT
x=$work/x
cp -a "$bare" "$x"
mount -t proc proc "$x/proc"
mount --rbind /dev "$x/dev"
cp -L /etc/resolv.conf "$x/etc/resolv.conf"

old=$(GOVCTL_RELEASE_DIR=$release GOVCTL_DEB_VERSION=0.0.9 bash "$root/packaging/build-deb.sh" "$work/old" | tail -1)
new=$(GOVCTL_RELEASE_DIR=$release bash "$root/packaging/build-deb.sh" "$work/new" | tail -1)
cp "$old" "$x/old.deb"
cp "$new" "$x/new.deb"
cp "$root/tests/packaging/deb_in_root.sh" "$x/in_root.sh"
within() {
  "${network[@]}" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
    ${GOVCTL_TESTS_RUN:+GOVCTL_TESTS_RUN="$GOVCTL_TESTS_RUN"} chroot "$x" "$@"
}
network=()
fail() { printf 'deb_install_test: %s\n' "$1" >&2; exit 1; }

within apt-get -q update >"$work/log" 2>&1 || cannot "no Debian mirror: $(tail -3 "$work/log")"
within apt-get -qy install --no-install-recommends curl >>"$work/log" 2>&1 || fail "$(tail -20 "$work/log")"
within apt-get -qy satisfy --no-install-recommends "$(dpkg-deb -f "$new" Depends)" >>"$work/log" 2>&1 ||
  fail "what the package depends on is not in Debian 12: $(tail -20 "$work/log")"

# All that is there besides caches, logs and what the kernel shows.
files() {
  (cd "$x" && find . -path ./proc -prune -o -path ./dev -prune -o -path ./tmp -prune -o -path ./var/cache -prune -o \
    -path ./srv -prune -o -path ./var/lib/apt -prune -o -path ./var/lib/dpkg -prune -o -path ./var/log -prune -o -print | sort)
}
# step NAME: a part of in_root.sh, in a network of its own where port 4683 is free.
step() {
  echo "== $1"
  local network=(unshare -n bash -c 'ip link set lo up && exec "$@"' -)
  within bash /in_root.sh "$1" || fail "$1 failed"
}
install() { within apt-get -qy install --no-install-recommends "$1" >"$work/log" 2>&1 || fail "$(cat "$work/log")"; }

step users
files >"$work/with_users"
install /old.deb
step first_call
install /new.deb
step after_upgrade
within apt-get -qy remove govctl >"$work/log" 2>&1 || fail "$(cat "$work/log")"
step after_remove
install /new.deb
step after_upgrade
within apt-get -qy purge govctl >"$work/log" 2>&1 || fail "$(cat "$work/log")"
files | diff "$work/with_users" - >"$work/left" || fail "purged, but: $(cat "$work/left")"
echo "deb_install_test: installed, called, upgraded, removed, purged; nothing is left"
