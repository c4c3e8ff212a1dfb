#!/usr/bin/env bash
# The package's units under a real systemd: first process of namespaces of its own, in a Debian 12 that has the package and
# nothing else of ours. systemd_test.sh RELEASE_DIR. Needs root, debootstrap and Debian's mirror; $GOVCTL_DEBROOT as in
# deb_install_test.sh. Ends with 77 where it cannot run.
set -euo pipefail
release=$1
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bare=${GOVCTL_DEBROOT:-$root/build/debroot}
cannot() { printf 'systemd_test: not run: %s\n' "$1"; exit 77; }
fail() { printf 'systemd_test: %s\n' "$1" >&2; exit 1; }
[ "${GOVCTL_TESTS_MODE:-}" = full ] || cannot "it takes minutes; with GOVCTL_TESTS_MODE=full, or in tests/run.sh --full"
[ "$(id -u)" -eq 0 ] || cannot "only root can make a Debian in a directory"
command -v debootstrap >/dev/null || cannot "debootstrap is not installed"
[ -n "${GOVCTL_UNSHARED:-}" ] || GOVCTL_UNSHARED=1 exec unshare -m bash "$0" "$@"  # its mounts end with it

if [ ! -e "$bare/etc/debian_version" ]; then
  debootstrap --variant=minbase bookworm "$bare.new" >"$bare.log" 2>&1 || cannot "debootstrap failed; see $bare.log"
  mv "$bare.new" "$bare"
fi
work=$(mktemp -d)
systemd=
finish() {
  [ -z "$systemd" ] || kill -9 "$systemd" 2>/dev/null || true  # with its namespace all that runs in it ends
  umount -R "$work/x" 2>/dev/null || true
  rm -rf --one-file-system "$work"
}
trap finish EXIT
x=$work/x
mkdir "$x"
mount --make-rprivate /
mount --bind "$x" "$x"  # a mount point: units' own namespaces pivot into it
cp -a "$bare/." "$x"
mount -t proc proc "$x/proc"
cp -L /etc/resolv.conf "$x/etc/resolv.conf"
package=$(GOVCTL_RELEASE_DIR=$release bash "$root/packaging/build-deb.sh" "$work/deb" | tail -1)
cp "$package" "$x/govctl.deb"
cp "$root/tests/packaging/systemd_in_root.sh" "$x/in_root.sh"
apt() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive chroot "$x" apt-get -q "$@"; }
mount --rbind /dev "$x/dev"
apt update >"$work/log" 2>&1 || cannot "no Debian mirror: $(tail -3 "$work/log")"
apt -y install --no-install-recommends systemd systemd-sysv dbus dbus-user-session libpam-systemd curl /govctl.deb \
  >"$work/log" 2>&1 || fail "$(tail -20 "$work/log")"
umount "$x/proc"

# The first process in a root, a network, processes and control groups of its own.
first='set -e
mount -t proc proc proc; mount -t tmpfs tmpfs run; mount -t tmpfs tmpfs tmp; mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup; ip link set lo up
mkdir -p mnt; pivot_root . mnt; umount -l /mnt
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=console'
(cd "$x" && exec unshare --pid --fork --mount --uts --ipc --net --cgroup bash -c "$first") >"$work/first" 2>&1 &
unshare=$!
for _ in {1..100}; do
  systemd=$(pgrep -P "$unshare" 2>/dev/null) || systemd=
  [ -n "$systemd" ] && [ "$(cat "/proc/$systemd/comm")" = systemd ] && [ -e "/proc/$systemd/root/run/dbus/system_bus_socket" ] && break
  kill -0 "$unshare" 2>/dev/null || cannot "no systemd starts here: $(tail -5 "$work/first")"
  sleep 0.2
done
[ -e "/proc/$systemd/root/run/dbus/system_bus_socket" ] || cannot "systemd does not come up here: $(tail -5 "$work/first")"
cd /
nsenter -t "$systemd" -m -p -n -u -i -r -w env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb bash /in_root.sh ||
  fail "the units do not do what they should"
echo "systemd_test: both units started by their sockets, called, restarted, stopped"
