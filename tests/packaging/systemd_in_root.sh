#!/usr/bin/env bash
# What systemd_test.sh has done inside: the system's unit, then a user's, each by its socket, called and stopped.
set -eEuo pipefail
cd /
trap 'echo "systemd_in_root.sh: line $LINENO: $BASH_COMMAND" >&2; journalctl --no-pager -q -n 20 >&2' ERR
is() { [ "$2" = "$3" ] || { printf '%s is %s, not %s\n' "$1" "$2" "$3" >&2; exit 1; }; }

# call: an org with an agent of its own makes one call, and its ledger verifies.
call() {
  govctl org create demo -q
  govctl workspace create demo/dev -q
  govctl group create demo/dev/tools -q
  govctl agent create demo/dev/tools/hello -q
  govctl ledger purchase demo 5000000 -q
  govctl policy set demo --name all --allow-models mock-model -q
  govctl key create demo/dev/tools/hello --name first --secret-file "$1" -q
  curl -sS --fail-with-body --max-time 20 -H @<(sed 's/^/Authorization: Bearer /' "$1") -H 'Content-Type: application/json' \
    -d '{"model":"mock-model","max_tokens":50,"messages":[{"role":"user","content":"Hello"}]}' \
    "$(govctl status --jq .gateway.url)/v1/chat/completions" | grep -q '"credits_charged"'
  govctl ledger verify demo >/dev/null
}

if [ "$(id -u)" -eq 0 ]; then
  systemctl daemon-reload
  systemctl stop govd.service govd.socket  # which the boot may have begun
  systemctl start govd.socket
  govctl status >/dev/null
  is "the system's unit after a request to its socket" "$(systemctl is-active govd.service)" active
  is "its user" "$(stat -c %U "/proc/$(systemctl show govd.service -p MainPID --value)")" govd
  call "$HOME/demo.key"
  systemctl restart govd.service
  is "after a restart it" "$(govctl status --jq .orgs)" 1
  systemctl stop govd.service govd.socket
  is "its end" "$(systemctl show govd.service -p Result --value)" success

  useradd -m me
  mkdir -p /var/lib/systemd/linger
  touch /var/lib/systemd/linger/me
  systemctl start "user@$(id -u me).service"
  exec su me -c 'bash /in_root.sh'
fi

cd
XDG_RUNTIME_DIR=/run/user/$(id -u)
export XDG_RUNTIME_DIR
systemctl --user start govd.socket
govctl status >/dev/null
is "the user's unit after a request to its socket" "$(systemctl --user is-active govd.service)" active
call "$HOME/demo.key"
govctl restart >/dev/null 2>&1
is "after govctl restart it" "$(systemctl --user is-active govd.service)" active
govctl doctor >/dev/null
govctl down >/dev/null 2>&1
is "after govctl down it" "$(systemctl --user is-active govd.service || true)" inactive
govctl up --wait >/dev/null 2>&1
is "after govctl up it" "$(systemctl --user is-active govd.service)" active
systemctl --user stop govd.service govd.socket
is "its end" "$(systemctl --user show govd.service -p Result --value)" success
