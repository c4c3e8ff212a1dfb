// The main flows, as requests on the wire.

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "common/api/keys.h"
#include "common/api/orgs.h"
#include "common/api/platform.h"
#include "common/api/rules.h"
#include "tests/unit/cli/fake_daemon.h"

using namespace govctl;
using namespace govctl::cli::test;
using api::Json;

namespace {
bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }
const std::string key_id = "01938f2e-7a1b-7c3d-8e4f-5a6b7c8d9e0f";
const std::string key_json = R"({"id":")" + key_id +
                             R"(","agent":"acme/prod/support/triage","name":"laptop","suffix":"abcdefgh",
                             "status":"ACTIVE","limit":null,"key":"cpk_secret_abcdefgh"})";
}  // namespace

TEST_CASE("org create sends a million credits a dollar unless told otherwise") {
  FakeDaemon daemon;
  daemon.on("POST /orgs", 201, R"({"id":"1","path":"acme","name":"Acme"})");
  CHECK(typed(daemon, {"org", "create", "Acme"}).out == "id    1\npath  acme\nname  Acme\n");
  typed(daemon,
        {"org", "create", "Acme", "--slug", "acme", "--credits-per-usd", "100", "--overdraft", "unlimited"});
  const auto seen = daemon.seen();
  REQUIRE(seen.size() == 2);
  CHECK(Json::parse(seen[0].body) == Json::parse(R"({"name":"Acme","credits_per_usd":1000000})"));
  CHECK(Json::parse(seen[1].body) ==
        Json::parse(R"({"name":"Acme","slug":"acme","credits_per_usd":100,"overdraft":"unlimited"})"));
  CHECK(api::decode<api::OrgCreate>(Json::parse(seen[1].body)).has_value());
  CHECK(typed(daemon, {"org", "create", "Acme", "-q"}).out == "acme\n");
}

TEST_CASE("units are made below the parent of their path") {
  FakeDaemon daemon;
  daemon.on("POST /orgs/acme/workspaces", 201, R"({"path":"acme/prod"})");
  daemon.on("POST /workspaces/acme%2Fprod/agent-groups", 201, R"({"path":"acme/prod/support"})");
  daemon.on("POST /agent-groups/acme%2Fprod%2Fsupport/agents", 201, R"({"path":"acme/prod/support/triage"})");
  CHECK(typed(daemon, {"workspace", "create", "acme/prod", "--name", "Production"}).exit_code == 0);
  CHECK(typed(daemon, {"group", "create", "acme/prod/support"}).exit_code == 0);
  CHECK(typed(daemon, {"agent", "create", "acme/prod/support/triage", "--description", "Sorts"}).exit_code ==
        0);
  const auto seen = daemon.seen();
  REQUIRE(seen.size() == 3);
  CHECK(Json::parse(seen[0].body) == Json::parse(R"({"name":"Production","slug":"prod"})"));
  CHECK(Json::parse(seen[1].body) == Json::parse(R"({"name":"support","slug":"support"})"));
  CHECK(Json::parse(seen[2].body) == Json::parse(R"({"name":"triage","slug":"triage","description":"Sorts"})"));
}

TEST_CASE("agent list goes down from any path, and says when it is cut") {
  FakeDaemon daemon;
  const auto list = [](const std::string& items, int total, const std::string& next = "null") {
    return R"({"items":[)" + items + R"(],"next":)" + next + R"(,"total":)" + std::to_string(total) + "}";
  };
  daemon.on("GET /orgs/acme/workspaces?limit=1000", 200, list(R"({"path":"acme/a"},{"path":"acme/b"})", 2));
  daemon.on("GET /workspaces/acme%2Fa/agent-groups?limit=1000", 200, list(R"({"path":"acme/a/g"})", 1));
  daemon.on("GET /workspaces/acme%2Fb/agent-groups?limit=1000", 200, list(R"({"path":"acme/b/g"})", 1));
  daemon.on("GET /agent-groups/acme%2Fa%2Fg/agents?limit=2", 200,
            list(R"({"path":"acme/a/g/1"},{"path":"acme/a/g/2"})", 3, "\"c\""));
  daemon.on("GET /agent-groups/acme%2Fb%2Fg/agents?limit=1", 200, list(R"({"path":"acme/b/g/1"})", 1));
  const auto ran = typed(daemon, {"agent", "list", "acme", "--limit", "2", "-q"});
  CHECK(ran.out == "acme/a/g/1\nacme/a/g/2\n");
  CHECK(ran.err == "… 2 of 4 shown; --all for the rest\n");
  const auto json = typed(daemon, {"agent", "list", "acme", "--limit", "2", "-o", "json"});
  CHECK(Json::parse(json.out)["next"] == "c");
  CHECK(Json::parse(json.out)["total"] == 4);
}

TEST_CASE("--all follows the pages") {
  FakeDaemon daemon;
  daemon.on("GET /orgs?limit=1000", 200, R"({"items":[{"path":"a"}],"next":"p2","total":2})");
  daemon.on("GET /orgs?limit=1000&cursor=p2", 200, R"({"items":[{"path":"b"}],"next":null,"total":2})");
  CHECK(typed(daemon, {"org", "list", "--all", "-q"}).out == "a\nb\n");
  const auto json = Json::parse(typed(daemon, {"org", "list", "--all", "-o", "json"}).out);
  CHECK(json["items"].size() == 2);
  CHECK(json["next"].is_null());
}

TEST_CASE("a list that never ends is an error, not a loop") {
  FakeDaemon daemon;
  daemon.on("GET /orgs?limit=1000", 200, R"({"items":[{"path":"a"}],"next":"p2","total":2})");
  daemon.on("GET /orgs?limit=1000&cursor=p2", 200, R"({"items":[],"next":"p2","total":2})");
  CHECK(typed(daemon, {"org", "list", "--all"}).exit_code == 1);
}

TEST_CASE("a key is shown once, or written to a file that only its owner reads") {
  FakeDaemon daemon;
  TempDir dir;
  daemon.on("POST /agents/acme%2Fprod%2Fsupport%2Ftriage/keys", 201, key_json);
  const std::string agent = "acme/prod/support/triage";
  const auto shown = typed(
      daemon, {"key", "create", agent, "--name", "laptop", "--ttl", "24h", "--limit", "500", "-o", "json"});
  CHECK(Json::parse(shown.out)["key"] == "cpk_secret_abcdefgh");
  CHECK(has(shown.err, "shown this once"));
  CHECK(Json::parse(daemon.seen()[0].body) == Json::parse(R"({"name":"laptop","ttl":"24h","limit":500})"));

  const auto stored =
      typed(daemon, {"key", "create", agent, "--name", "laptop", "--secret-file", dir.file("k")});
  CHECK(stored.exit_code == 0);
  CHECK_FALSE(has(stored.out + stored.err, "cpk_secret"));
  CHECK(read_file(dir.file("k")) == "cpk_secret_abcdefgh\n");
  struct stat seen{};
  REQUIRE(stat(dir.file("k").c_str(), &seen) == 0);
  CHECK((seen.st_mode & 0777) == 0600);

  const auto again =
      typed(daemon, {"key", "create", agent, "--name", "laptop", "--secret-file", dir.file("k")});
  CHECK(again.exit_code == 7);
  CHECK(daemon.seen().size() == 2);  // no key was made that could not have been stored

  const auto failed =
      typed(daemon, {"key", "create", "acme/no/such/agent", "--name", "x", "--secret-file", dir.file("f")});
  CHECK(failed.exit_code == 6);
  CHECK(access(dir.file("f").c_str(), F_OK) != 0);  // nothing left behind
}

TEST_CASE("a key's agent is found from its id") {
  FakeDaemon daemon;
  const std::string url = "/agents/acme%2Fprod%2Fsupport%2Ftriage/keys/" + key_id;
  daemon.on("GET /keys/" + key_id, 200, key_json);
  daemon.on("POST " + url + "/rotate", 201, key_json);
  daemon.on("DELETE " + url + "?reason=it%20leaked", 200, key_json);
  CHECK(typed(daemon, {"key", "rotate", key_id, "--grace", "1h"}).exit_code == 0);
  CHECK(typed(daemon, {"key", "revoke", key_id, "--reason", "it leaked", "-y"}).exit_code == 0);
  CHECK(Json::parse(daemon.seen()[1].body) == Json::parse(R"({"grace":"1h"})"));
}

TEST_CASE("a credential's secret comes by stdin, file or variable, never by argv") {
  FakeDaemon daemon;
  TempDir dir;
  daemon.on("POST /orgs/acme/credentials", 201, R"({"id":"c","provider":"openai"})");
  write_file(dir.file("s"), "sk-file\n");
  const std::vector<std::string> add{"credential", "add", "acme", "openai"};
  const auto with = [&](std::vector<std::string> more, World world = {}) {
    auto words = add;
    words.insert(words.end(), more.begin(), more.end());
    return typed(daemon, words, std::move(world));
  };
  CHECK(with({"--stdin"}, {.env = {}, .in = "sk-stdin\n"}).exit_code == 0);
  CHECK(with({"--from-file", dir.file("s")}).exit_code == 0);
  CHECK(with({"--env", "KEY"}, {.env = {{"KEY", "sk-env"}}}).exit_code == 0);
  const auto seen = daemon.seen();
  REQUIRE(seen.size() == 3);
  CHECK(Json::parse(seen[0].body) == Json::parse(R"({"provider":"openai","secret":"sk-stdin"})"));
  CHECK(Json::parse(seen[1].body)["secret"] == "sk-file");
  CHECK(Json::parse(seen[2].body)["secret"] == "sk-env");
  const auto curl = with({"--stdin", "--print-curl"}, {.env = {}, .in = "sk-stdin\n"});
  CHECK_FALSE(has(curl.out + curl.err, "sk-stdin"));
  for (const auto& bad : std::vector<std::vector<std::string>>{{},
                                                               {"--stdin", "--env", "KEY"},
                                                               {"--env", "NOT_SET"},
                                                               {"--from-file", dir.file("none")},
                                                               {"sk-argv"}}) {
    const auto ran = with(bad, {.env = {{"KEY", "x"}}, .in = "x\n"});
    CHECK(ran.exit_code == 64);
  }
  CHECK(with({"--stdin"}, {.env = {}, .in = "\n"}).exit_code == 64);
  CHECK(with({"--stdin"}, {.env = {}, .in = "two\nlines\n"}).exit_code == 64);
  CHECK(daemon.seen().size() == 4);
}

TEST_CASE("policy set makes a policy, or changes the one that is there") {
  FakeDaemon daemon;
  daemon.on("POST /policies", 201, R"({"id":"p1"})");
  daemon.on("POST /policies", 409,
            R"({"error":{"code":"conflict","message":"exists","next":null,"details":{"id":"p1"}}})");
  daemon.on("PATCH /policies/p1", 200, R"({"id":"p1"})");
  const std::vector<std::string> set{
      "policy",  "set", "acme/prod", "--allow-models", "gpt-4o*,mock-model", "--rpm", "none", "--parallel", "4",
      "--clamp", "off", "--reserve", "estimate"};
  CHECK(typed(daemon, set).exit_code == 0);
  CHECK(typed(daemon, set).exit_code == 0);
  const auto seen = daemon.seen();
  REQUIRE(seen.size() == 3);
  const auto creation = Json::parse(seen[0].body);
  CHECK(creation ==
        Json::parse(R"({"path":"acme/prod","allow_models":["gpt-4o*","mock-model"],"parallel":4,"clamp":false,
                                   "reserve":"estimate"})"));
  CHECK(api::decode<api::PolicyCreate>(creation).has_value());
  const auto change = Json::parse(seen[2].body);
  CHECK(change == Json::parse(R"({"allow_models":["gpt-4o*","mock-model"],"rpm":null,"parallel":4,"clamp":false,
                                 "reserve":"estimate"})"));
  CHECK(api::decode<api::PolicyPatch>(change).has_value());
}

TEST_CASE("every rule of policy set is a field of the API") {
  FakeDaemon daemon;
  daemon.on("POST /policies", 201, R"({"id":"p1"})");
  CHECK(typed(daemon, {"policy",     "set",
                       "acme",       "--allow-models",
                       "a",          "--deny-models",
                       "b",          "--providers",
                       "c",          "--costly",
                       "d",          "--max-input-tokens",
                       "1",          "--max-output-tokens",
                       "2",          "--rpm",
                       "3",          "--tpm",
                       "4",          "--parallel",
                       "5",          "--clamp",
                       "on",         "--reserve",
                       "worst-case", "--name",
                       "n",          "--key",
                       key_id})
            .exit_code == 0);
  CHECK(api::decode<api::PolicyCreate>(Json::parse(daemon.seen()[0].body)).has_value());
}

TEST_CASE("budget set takes credits or dollars, and changes the one that is there") {
  FakeDaemon daemon;
  daemon.on("POST /budgets", 409,
            R"({"error":{"code":"conflict","message":"exists","next":null,"details":{"id":"b1"}}})");
  daemon.on("PATCH /budgets/b1", 200, R"({"id":"b1"})");
  CHECK(typed(daemon,
              {"budget", "set", "acme", "--period", "monthly", "--limit-usd", "50", "--auto-disable", "on"})
            .exit_code == 0);
  const auto seen = daemon.seen();
  REQUIRE(seen.size() == 2);
  CHECK(Json::parse(seen[0].body) ==
        Json::parse(R"({"path":"acme","period":"MONTHLY","limit_usd":"50","auto_disable":true})"));
  CHECK(Json::parse(seen[1].body) == Json::parse(R"({"limit_usd":"50","auto_disable":true})"));
  // A conflict of another kind stays one.
  FakeDaemon other;
  other.on("POST /budgets", 409, R"({"error":{"code":"conflict","message":"the org is deleted","next":null}})");
  CHECK(typed(other, {"budget", "set", "acme", "--period", "daily", "--limit", "5"}).exit_code == 7);
}

TEST_CASE("a budget is deleted by its path when that names one") {
  FakeDaemon daemon;
  daemon.on(
      "GET /budgets?path=acme&limit=1000", 200,
      R"({"items":[{"id":"b1","path":"acme","period":"DAILY"},{"id":"b2","path":"acme","period":"MONTHLY"},
                {"id":"b3","path":"acme/prod","period":"DAILY"}],"next":null,"total":3})");
  daemon.on("DELETE /budgets/b2", 200, R"({"id":"b2"})");
  CHECK(typed(daemon, {"budget", "delete", "acme", "-y"}).exit_code == 7);
  CHECK(typed(daemon, {"budget", "delete", "acme", "--period", "monthly", "-y"}).exit_code == 0);
  CHECK(typed(daemon, {"budget", "delete", "acme", "--period", "total", "-y"}).exit_code == 6);
}

TEST_CASE("what moves money carries an idempotency key, a new one each run") {
  FakeDaemon daemon;
  daemon.on("POST /credits/purchase", 201, R"({"seq":1,"amount":5})");
  typed(daemon, {"ledger", "purchase", "acme", "5", "--reference", "INV-1"});
  typed(daemon, {"ledger", "purchase", "acme", "5"});
  typed(daemon, {"ledger", "purchase", "acme", "5", "--idempotency-key", "mine"});
  const auto seen = daemon.seen();
  REQUIRE(seen.size() == 3);
  CHECK(Json::parse(seen[0].body) == Json::parse(R"({"org":"acme","amount":5,"reference":"INV-1"})"));
  CHECK(seen[0].headers.at("idempotency-key").size() == 36);
  CHECK(seen[0].headers.at("idempotency-key") != seen[1].headers.at("idempotency-key"));
  CHECK(seen[2].headers.at("idempotency-key") == "mine");
}

TEST_CASE("a dry run says so to the daemon and to the user") {
  FakeDaemon daemon;
  daemon.on("POST /orgs?dry_run=1", 201, R"({"path":"acme"})");
  const auto ran = typed(daemon, {"org", "create", "Acme", "-n"});
  CHECK(ran.exit_code == 0);
  CHECK(has(ran.err, "nothing was changed"));
}

TEST_CASE("verify prints its findings and exits 2") {
  FakeDaemon daemon;
  daemon.on(
      "GET /verify?org=acme", 200,
      R"({"ok":false,"anchors":3,"tables":[{"org":"acme","table":"ledger","rows":7,"head":"00112233445566778899","ok":false,
                "fault":"row 5 was changed"},{"org":"acme","table":"audit_logs","rows":2,"head":"aa","ok":true,"fault":null}]})");
  const auto found = typed(daemon, {"ledger", "verify", "acme"});
  CHECK(found.exit_code == 2);
  CHECK(has(found.out, "acme/ledger: row 5 was changed\n"));
  CHECK(has(found.out, "NOT PROVEN"));
  CHECK(found.err.empty());
  CHECK(Json::parse(typed(daemon, {"ledger", "verify", "acme", "-o", "json"}).out)["ok"] == false);
  const auto audit = typed(daemon, {"audit", "verify", "acme"});
  CHECK(audit.exit_code == 0);
  CHECK_FALSE(has(audit.out, "ledger"));
}

TEST_CASE("usage asks for the org, and narrows to the path below it") {
  FakeDaemon daemon;
  const std::string empty = R"({"items":[],"next":null,"total":0})";
  daemon.on("GET /usage/history/acme?path=acme%2Fprod&status=ERROR&since=24h&limit=100", 200, empty);
  daemon.on("GET /usage/top/acme?by=model&window=7d&limit=100", 200, empty);
  daemon.on("GET /usage/top/acme?by=tag%3Ateam&window=30d&session=s-1&tag=env%3Dprod&limit=100", 200, empty);
  CHECK(typed(daemon, {"usage", "report", "acme", "--by", "tag:team", "--session", "s-1", "--tag", "env=prod"})
            .exit_code == 0);
  CHECK(typed(daemon, {"usage", "report", "acme", "--by", "colour"}).exit_code == 64);
  daemon.on("GET /usage/burn-rate/acme", 200, R"({"path":"acme","last_24h":5})");
  CHECK(typed(daemon, {"usage", "history", "acme/prod", "--status", "ERROR", "--since", "24h"}).exit_code == 0);
  CHECK(typed(daemon, {"usage", "top", "acme", "--by", "model", "--window", "7d"}).exit_code == 0);
  CHECK(typed(daemon, {"usage", "burn-rate", "acme", "--jq", ".last_24h"}).out == "5\n");
}

TEST_CASE("explain says what happened in a sentence, and why") {
  FakeDaemon daemon;
  api::Json event =
      Json::parse(R"({"request_id":"req_1","client_request_id":null,"agent":"acme/prod/support/triage",
    "key_id":"k","dialect":"chat","provider":"mock","model":"mock-model","status":"BUDGET_EXCEEDED","cause":"budget_exceeded",
    "completion":null,"input_tokens":0,"output_tokens":0,"cached_tokens":0,"cache_write_tokens":0,"reasoning_tokens":0,
    "cost_usd":"0","reserved":0,"credits_charged":0,"latency_ms":1,"first_byte_ms":null,"attempts":0,"count":1,
    "price_version":1,"flags":[],"error_message":"the DAILY budget of acme/prod is spent","session":null,"user":null,
    "tags":{},"decision":{"limit":100,"spent":100,"next":"govctl budget list acme/prod"},"created_at":"2026-11-21T09:30:00.000000Z"})");
  const Json explanation{
      {"sentence",
       "The call was refused for want of money, and cost nothing: the DAILY budget of acme/prod is spent."},
      {"decided_by", "the DAILY budget of acme/prod"},
      {"needed", 40},
      {"resets_at", "2026-11-22T00:00:00.000000Z"},
      {"retry_after_s", nullptr},
      {"rules", Json::parse(R"([{"rule":"rpm","value":"60","policy":"acme: default"}])")},
      {"money", Json::parse(R"([{"path":"acme/prod","what":"DAILY","limit":100,"spent":90,"held":0,"left":10,
                                 "decided":true}])")},
      {"rates", Json::array()},
      {"changes", Json::parse(R"([{"what":"the DAILY budget of acme/prod is 130 credits instead of 100",
                                   "command":"govctl budget set acme/prod --period daily --limit 130"}])")},
      {"call", event}};
  daemon.on("GET /usage/request/req_1/explanation", 200, explanation.dump());
  const auto ran = typed(daemon, {"explain", "req_1"});
  CHECK(ran.exit_code == 0);
  CHECK(ran.out.starts_with(
      "The call was refused for want of money, and cost nothing: the DAILY budget of acme/prod is spent.\n"));
  CHECK(has(ran.out, "decided by  the DAILY budget of acme/prod\n"));
  CHECK(has(ran.out, "  rpm   60     acme: default\n"));
  CHECK(has(ran.out, "  acme/prod  DAILY    100     90     0    10  <- here\n"));
  CHECK(ran.out.ends_with("    govctl budget set acme/prod --period daily --limit 130\n"));
  CHECK(Json::parse(typed(daemon, {"explain", "req_1", "-o", "json"}).out) == explanation);
}

TEST_CASE("provider add and pricing set are what the API takes") {
  FakeDaemon daemon;
  daemon.on("POST /providers", 201, R"({"name":"ollama"})");
  daemon.on("PUT /pricing/ollama/llama3%3A8b", 200, R"({"model":"llama3:8b"})");
  CHECK(typed(daemon, {"provider",
                       "add",
                       "ollama",
                       "--kind",
                       "openai",
                       "--base-url",
                       "http://127.0.0.1:1/v1",
                       "--allow-private",
                       "on",
                       "--usage-in-stream",
                       "off",
                       "--needs-credential",
                       "off",
                       "--ca-file",
                       "/ca",
                       "--proxy",
                       "http://proxy:3128",
                       "--no-proxy",
                       "corp.example",
                       "--max-tokens-field",
                       "max_tokens",
                       "--connect-timeout",
                       "1s",
                       "--first-byte-timeout",
                       "2s",
                       "--idle-timeout",
                       "3s"})
            .exit_code == 0);
  CHECK(typed(daemon, {"pricing",          "set", "ollama",           "llama3:8b", "--input",          "0",
                       "--output",         "0.5", "--cache-read",     "0.1",       "--cache-write-5m", "1",
                       "--cache-write-1h", "2",   "--reasoning",      "3",         "--request",        "4",
                       "--source",         "s",   "--context-window", "8192",      "--max-output",     "100"})
            .exit_code == 0);
  const auto seen = daemon.seen();
  const auto provider = api::decode<api::ProviderCreate>(Json::parse(seen[0].body));
  REQUIRE(provider);
  CHECK(provider->first_byte_timeout_ms == 2000);
  CHECK(provider->needs_credential == false);
  CHECK(provider->proxy == "http://proxy:3128");
  CHECK(provider->no_proxy == "corp.example");
  const auto price = api::decode<api::PricingPut>(Json::parse(seen[1].body));
  REQUIRE(price);
  CHECK(price->output == "0.5");
  CHECK(price->max_output_tokens == 100);
  CHECK(typed(daemon, {"pricing", "set", "a", "b", "--input", "-1", "--output", "1"}).exit_code == 64);
  CHECK(daemon.seen().size() == 2);
}

TEST_CASE("alias set, get and delete name the org and the alias in the path, whatever the name holds") {
  FakeDaemon daemon;
  daemon.on("PUT /orgs/acme/aliases/openai%2Fgpt-4o", 200, R"({"name":"openai/gpt-4o"})");
  daemon.on("DELETE /orgs/acme/aliases/fast", 200, R"({"name":"fast"})");
  CHECK(typed(daemon, {"alias", "set", "acme", "openai/gpt-4o", "azure/gpt-4o", "groq/llama"}).exit_code == 0);
  CHECK(typed(daemon, {"alias", "set", "acme", "fast"}).exit_code == 64);
  CHECK(typed(daemon, {"alias", "delete", "acme", "fast"}).exit_code != 0);  // not without a yes
  CHECK(typed(daemon, {"alias", "delete", "acme", "fast", "-y"}).exit_code == 0);
  const auto seen = daemon.seen();
  REQUIRE(seen.size() == 2);
  CHECK(Json::parse(seen[0].body) == Json::parse(R"({"targets":["azure/gpt-4o","groq/llama"]})"));
}

TEST_CASE("provider test exits 2 when the provider does not answer as it should") {
  FakeDaemon daemon;
  daemon.on("POST /providers/a/test", 200, R"({"provider":"a","ok":true})");
  daemon.on("POST /providers/b/test", 200, R"({"provider":"b","ok":false,"message":"no such key"})");
  CHECK(typed(daemon, {"provider", "test", "a"}).exit_code == 0);
  const auto failed = typed(daemon, {"provider", "test", "b", "--org", "acme", "--model", "m"});
  CHECK(failed.exit_code == 2);
  CHECK(failed.out.contains("no such key"));
  CHECK(Json::parse(daemon.seen()[1].body) == Json::parse(R"({"org":"acme","model":"m"})"));
}

TEST_CASE("ledger export passes the daemon's lines through") {
  FakeDaemon daemon;
  daemon.on("GET /orgs/acme/ledger/export", 200, "{\"seq\":1}\n{\"seq\":2}\n");
  CHECK(typed(daemon, {"ledger", "export", "acme"}).out == "{\"seq\":1}\n{\"seq\":2}\n");
  const auto missing = typed(daemon, {"ledger", "export", "beta"});
  CHECK(missing.exit_code == 6);
  CHECK(missing.out.empty());
}

TEST_CASE("version works with and without a daemon") {
  FakeDaemon daemon;
  daemon.on("GET /status", 200, R"({"version":"0.1.0","api_major":1})");
  CHECK(typed(daemon, {"version"}).out == "govctl 0.1.0 (API 1)\ngovd   0.1.0 (API 1)\n");
  const auto offline = typed({"--version", "-o", "json"});
  CHECK(offline.exit_code == 0);
  CHECK(Json::parse(offline.out)["daemon"].is_null());
}
