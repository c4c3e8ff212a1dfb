#!/usr/bin/env bash
# Installs, by apt, what building and running govctl needs on Debian 12; `install-deps.sh test` adds what the tests
# need. Does nothing, and asks for no rights, when all of it is there.
set -euo pipefail

build=(
  clang-19 lld-19 llvm-19 libstdc++-12-dev cmake ninja-build ccache pkg-config
  libboost1.81-dev libssl-dev nlohmann-json3-dev libfmt-dev libspdlog-dev libcli11-dev libyaml-cpp-dev
  libsqlitecpp-dev libsqlite3-dev zlib1g-dev libargon2-dev libcrypto++-dev libcpp-httplib-dev libsystemd-dev libmimalloc-dev libjq-dev
  curl ca-certificates
)
test=(
  catch2 librapidcheck-dev clang-tidy-19 clang-format-19 libclang-rt-19-dev python3 sqlite3 nginx-light wrk openssl procps
  bubblewrap tmux zsh fish mandoc groff-base debhelper fakeroot lintian systemd debootstrap iproute2
)
# A node that did not come from Debian stays the one that is used.
if ! { command -v node && command -v npm; } >/dev/null 2>&1; then
  test+=(nodejs npm)
fi

case "${1:-build}" in
  build) wanted=("${build[@]}") ;;
  test) wanted=("${build[@]}" "${test[@]}") ;;
  *) echo "usage: packaging/install-deps.sh [build|test]" >&2; exit 64 ;;
esac

if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
  echo "install-deps: this is no Debian; install by hand: ${wanted[*]}" >&2
  exit 1
fi

missing=()
for package in "${wanted[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "install-deps: not root and no sudo here. As root, run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" </dev/null; }

# Debian starts a web server on port 80 when nginx is installed: the tests need the program, nobody needs the service.
policy=/usr/sbin/policy-rc.d
no_service=
if [[ " ${missing[*]} " == *" nginx-light "* ]] && ! command -v /usr/sbin/nginx >/dev/null 2>&1; then
  no_service=nginx
  if [ ! -e "$policy" ]; then
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
  fi
fi

echo "install-deps: installing ${missing[*]}"
if ! apt update || ! apt install -y --no-install-recommends "${missing[@]}"; then
  echo "install-deps: apt could not install them; its reason stands above" >&2
  exit 1
fi
if [ -n "$no_service" ]; then
  "${as_root[@]}" update-rc.d "$no_service" disable >/dev/null 2>&1 || true
fi
