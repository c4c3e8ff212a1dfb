#!/usr/bin/env bash
# What deb_install_test.sh does in the system where the package is installed: deb_in_root.sh STEP.
set -euo pipefail
trap 'echo "line $LINENO failed" >&2; cat /run/govd.log >&2 2>/dev/null' ERR
agent=demo/dev/tools/hello
key_file=/srv/alice/demo.key

# As the units do it: systemd's sockets, the service's user and group, no capabilities, no new privileges.
start() {
  local unit=/lib/systemd/system/govd exec user group sockets=()
  exec=$(sed -n 's/^ExecStart=//p' $unit.service)
  user=$(sed -n 's/^User=//p' $unit.service)
  group=$(sed -n 's/^Group=//p' $unit.service)
  while read -r address; do sockets+=(-l "$address"); done < <(sed -n 's/^ListenStream=//p' $unit.socket)
  systemd-tmpfiles --create govctl.conf
  # shellcheck disable=SC2086  # ExecStart is a command line
  systemd-socket-activate "${sockets[@]}" setpriv --reuid "$user" --regid "$group" \
    --init-groups --bounding-set=-all --inh-caps=-all --no-new-privs \
    $exec >/run/govd.log 2>&1 &
  echo $! >/run/govd.pid
  for _ in $(seq 200); do [ ! -S /run/govctl/govd.sock ] || break; sleep 0.05; done
  chgrp "$(sed -n 's/^SocketGroup=//p' $unit.socket)" /run/govctl/govd.sock
  chmod "$(sed -n 's/^SocketMode=//p' $unit.socket)" /run/govctl/govd.sock
}
stop() {
  kill "$(cat /run/govd.pid)"
  wait "$(cat /run/govd.pid)"
  rm -f /run/govd.pid /run/govd.log /run/govctl/govd.sock
}
as() { runuser -u "$1" -- "${@:2}"; }
call() {
  as alice bash -c 'curl -sS --fail-with-body --max-time 20 -H @<(sed "s/^/Authorization: Bearer /" "$1") \
    -H "Content-Type: application/json" http://127.0.0.1:4683/v1/chat/completions -d "$2"' - $key_file \
    '{"model":"mock-model","max_tokens":100,"messages":[{"role":"user","content":"What does govd do?"}]}'
}
owner() { stat -c '%U:%G %a' "$1"; }
is() { [ "$1" = "$2" ] || { echo "'$1' is not '$2'" >&2; false; }; }

case $1 in
  users)
    groupadd --system govctl
    useradd --create-home --home-dir /srv/alice --groups govctl alice
    useradd --no-create-home mallory
    ;;
  first_call)
    bash -c 'exec 3<>/dev/tcp/127.0.0.1/4683' 2>/dev/null && false
    start
    as alice govctl status >/dev/null  # it starts at the first question
    is "$(stat -c %U "/proc/$(as alice govctl status --jq .pid)/cmdline")" root  # not dumpable: nobody reads it
    is "$(sed -n 's/^Uid:\t\([0-9]*\).*/\1/p' "/proc/$(as alice govctl status --jq .pid)/status")" "$(id -u govd)"
    is "$(owner /var/lib/govctl)" "govd:govd 700"
    is "$(owner /etc/govctl/keys)" "govd:govd 700"
    is "$(owner /run/govctl/govd.sock)" "root:govctl 660"
    [ -z "$(find /etc/govctl/keys -type f ! -perm 400)" ]
    code=0
    as mallory govctl org list >/dev/null 2>&1 || code=$?
    is $code 4
    as alice govctl org create demo -q >/dev/null
    as alice govctl workspace create demo/dev -q >/dev/null
    as alice govctl group create demo/dev/tools -q >/dev/null
    as alice govctl agent create $agent -q >/dev/null
    as alice govctl key create $agent --name first --secret-file $key_file -q >/dev/null
    as alice govctl ledger purchase demo 5000000 -q >/dev/null
    call | grep -q 'This is a mock answer'
    as alice govctl ledger verify demo -q >/dev/null
    as alice bash -c 'source /usr/share/bash-completion/completions/govctl; complete -p govctl' >/dev/null
    stop
    ;;
  after_upgrade)
    [ "$(owner /var/lib/govctl)" = "govd:govd 700" ]
    start
    calls=$(as alice govctl usage history demo --jq .total)
    call | grep -q 'This is a mock answer'
    is "$(as alice govctl usage history demo --jq .total)" "$((calls + 1))"
    as alice govctl ledger verify demo -q >/dev/null
    stop
    ;;
  after_remove)
    ! command -v govd govctl
    [ -e /var/lib/govctl/catalog.db ] && [ -d /etc/govctl/keys ]  # a ledger is not lost by removing a program
    ;;
esac
