#!/usr/bin/env bash
# Builds the Debian package of this tree: packaging/build-deb.sh [OUT], by default into build/deb. Takes the release
# programs of $GOVCTL_RELEASE_DIR where that is set, else builds them. $GOVCTL_DEB_VERSION overrides the version.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=${1:-$root/build/deb}
release=${GOVCTL_RELEASE_DIR:-}
stop() { printf 'build-deb: %s\n' "$1" >&2; exit 1; }

command -v dpkg-buildpackage dh >/dev/null || stop "debhelper is missing; run: packaging/install-deps.sh test"
if [ -z "$release" ]; then
  release=$root/build/release
  bash "$root/packaging/install-deps.sh" build
  (cd "$root" && cmake --preset release >/dev/null &&
    cmake --build build/release --parallel "$(bash packaging/build-jobs.sh)" --target govctl govd)
fi
release=$(realpath "$release")
[ -x "$release/cli/govctl" ] && [ -x "$release/daemon/govd" ] || stop "no programs in $release"

mkdir -p "$out"
work=$(mktemp -d "$out/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/govctl"
cp -r "$root/packaging/debian" "$work/govctl/debian"
cd "$work/govctl"
if [ -n "${GOVCTL_DEB_VERSION:-}" ]; then
  sed -i "1s/(.*)/($GOVCTL_DEB_VERSION)/" debian/changelog
fi
# -d: what is compiled with is not what dpkg would look for here, the programs are there already.
if ! GOVCTL_SOURCE=$root GOVCTL_RELEASE=$release dpkg-buildpackage -b -us -uc -d --no-pre-clean >"$work/log" 2>&1; then
  cat "$work/log" >&2
  stop "dpkg-buildpackage failed; what it said stands above"
fi
mv "$work"/*.deb "$out"
ls "$out"/govctl_"$(dpkg-parsechangelog -S Version)"_*.deb
