#!/usr/bin/env bash
# From a fresh Debian 12 to a governed call: installs what is needed, builds, starts govd for this user, sets up the
# org `demo` and makes one call that is checked, paid for and provable. Running it again uses what is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi
heading() { printf '\n%s== %s%s\n' "$bold" "$1" "$plain"; }
stop() { printf 'quickstart: %s\n' "$1" >&2; exit 1; }

org=demo workspace=demo/dev group=demo/dev/tools agent=demo/dev/tools/hello
[ -n "${HOME:-}" ] || [ -n "${XDG_CONFIG_HOME:-}" ] || stop "neither HOME nor XDG_CONFIG_HOME is set: govd would not know where to keep its files"
config=${XDG_CONFIG_HOME:-$HOME/.config}/govctl
key_file=$config/demo.key

heading "Packages"
bash packaging/install-deps.sh build || stop "the packages are not there; see above"
echo "all there"

heading "Build (release)"
mkdir -p build
build_log=build/quickstart.log
echo "some minutes the first time; its log is $build_log"
if ! { cmake --preset release && cmake --build build/release --parallel "$(bash packaging/build-jobs.sh)" --target govctl govd; } >"$build_log" 2>&1; then
  tail -n 40 "$build_log" >&2
  stop "the build failed; the end of $build_log stands above"
fi
govctl=$PWD/build/release/cli/govctl
echo "$govctl"

heading "Start govd"
# One that was started before govd was built anew runs from a file that is no more.
running=$("$govctl" status --jq .pid 2>/dev/null) || running=
if [[ -n "$running" && "$(readlink "/proc/$running/exe")" == *" (deleted)" ]]; then
  "$govctl" restart >/dev/null || stop "the govd that runs already could not be restarted; try: $govctl status"
fi
"$govctl" up --wait >/dev/null || stop "govd did not start; its log: $govctl logs"
gateway=$("$govctl" status --jq .gateway.url) || stop "govd does not say where its gateway is; try: $govctl status"

heading "Org, workspace, group, agent, key"
# make NOUN PATH [arguments of create…]: creates it, or says that it is there already.
make() {
  if "$govctl" "$1" get "$2" >/dev/null 2>&1; then
    echo "$1 $2: there already"
  else
    "$govctl" "$1" create "${@:2}" >/dev/null
    echo "$1 $2: created"
  fi
}
make org "$org" --slug "$org"
make workspace "$workspace"
make group "$group"
make agent "$agent"

mkdir -p "$config"
chmod 700 "$config"
# The key is shown once, when it is made: it goes straight into a file that only this user can read.
suffixes=$("$govctl" key list "$agent" --jq '.items[] | select(.status == "ACTIVE") | .suffix')
if [ -s "$key_file" ] && grep -qF "$(tail -c 9 "$key_file" | tr -d '\n')" <<<"$suffixes"; then
  echo "key in $key_file: there already"
else
  rm -f "$key_file"
  "$govctl" key create "$agent" --name "quickstart-$(date +%Y%m%d-%H%M%S)" --secret-file "$key_file" -q >/dev/null
  echo "key in $key_file: created"
fi

heading "Rules and money"
"$govctl" policy set "$org" --name quickstart --allow-models 'mock-model,gpt-4o-mini' --max-output-tokens 1000 \
  --rpm 60 >/dev/null
"$govctl" budget set "$workspace" --period daily --limit-usd 1 >/dev/null
# The same idempotency key buys once, however often this runs: 5 USD at a million credits to the dollar.
"$govctl" ledger purchase "$org" 5000000 --reference quickstart --idempotency-key quickstart >/dev/null
"$govctl" policy list "$org"
"$govctl" budget list "$org"
"$govctl" ledger balance "$org"

heading "One governed call (provider mock: no money leaves this machine)"
question='{"model":"mock-model","max_tokens":100,"messages":[{"role":"user","content":"What does govd do?"}]}'
echo "POST $gateway/v1/chat/completions  $question"
# curl reads the key from a file descriptor: it is in no argument list.
curl -sS --fail-with-body --max-time 60 -H @<(sed 's/^/Authorization: Bearer /' "$key_file") \
  -H 'Content-Type: application/json' -d "$question" "$gateway/v1/chat/completions" ||
  stop "the call failed; its answer stands above"
echo

heading "Its usage event"
"$govctl" usage history "$org" --limit 1

heading "The ledger's statement"
"$govctl" ledger statement "$org"

heading "The chain, verified"
"$govctl" ledger verify "$org"

heading "Next: your own key"
cat <<EOT
Any OpenAI-compatible provider will do. With OpenAI's, first: PATH=${govctl%/*}:\$PATH

  govctl credential add $org openai --stdin      # paste the key, then Enter
  curl -H @<(sed 's/^/Authorization: Bearer /' $key_file) -H 'Content-Type: application/json' \\
    -d '{"model":"gpt-4o-mini","max_tokens":100,"messages":[{"role":"user","content":"Hello"}]}' \\
    $gateway/v1/chat/completions
  govctl usage history $org

Another provider needs a row with its base URL, a price, and a policy that allows its model, then called NAME/MODEL:
  govctl provider add NAME --kind openai --base-url https://HOST/v1
  govctl pricing set NAME MODEL --input USD --output USD      # per 1,000 tokens
Stop govd with: govctl down
EOT
