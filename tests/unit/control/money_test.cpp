#include "tests/unit/control/fixture.h"

namespace govctl::control::test {

TEST_CASE("credits are bought once for one idempotency key") {
  Daemon daemon;
  daemon.make_acme();
  const Got got =
      daemon.send("POST", "/credits/purchase",
                  {{"org", "acme"}, {"amount", 1000}, {"reference", "invoice 7"}, {"idempotency_key", "k1"}});
  REQUIRE(got.status == 201);
  CHECK(got.json["seq"] == 1);
  CHECK(got.json["type"] == "CREDIT_PURCHASE");
  CHECK(got.json["amount"] == 1000);
  CHECK(got.json["balance_after"] == 1000);
  CHECK(got.json["idempotency_key"] == "purchase:k1");
  CHECK(got.json["metadata"] == Json({{"reference", "invoice 7"}}));
  CHECK(got.json["hash"].get<std::string>().size() == 64);
  const Got again =
      daemon.send("POST", "/credits/purchase",
                  {{"org", "acme"}, {"amount", 1000}, {"reference", "invoice 7"}, {"idempotency_key", "k1"}});
  CHECK(again.status == 200);
  CHECK(again.json == got.json);
  const Got other =
      daemon.send("POST", "/credits/purchase",
                  {{"org", "acme"}, {"amount", 999}, {"reference", "invoice 7"}, {"idempotency_key", "k1"}});
  CHECK(other.status == 422);
  CHECK(other.code() == "idempotency_mismatch");
  Sent sent;
  sent.method = "POST";
  sent.target = "/credits/purchase";
  sent.body = R"({"org":"acme","amount":5})";
  sent.headers.push_back({"Idempotency-Key", "k2"});
  CHECK(daemon.send(sent).json["balance_after"] == 1005);
  CHECK(daemon.send(sent).status == 200);
  CHECK(daemon.make("GET", "/orgs/acme/balance")["balance"] == 1005);
  CHECK(daemon.make("GET", "/orgs/acme/audit?event=ledger.purchase")["total"] == 2);
}

TEST_CASE("what no ledger takes") {
  Daemon daemon;
  daemon.make_acme();
  for (const Json& amount : {Json(0), Json(-5), Json(9007199254740992), Json(9223372036854775808U), Json("5"),
                             Json(1.5), Json(nullptr)}) {
    INFO(amount.dump());
    CHECK(daemon.send("POST", "/credits/purchase", {{"org", "acme"}, {"amount", amount}}).status == 400);
  }
  CHECK(daemon.send("POST", "/credits/purchase", {{"org", "none"}, {"amount", 5}}).status == 404);
  CHECK(daemon.send("POST", "/orgs/acme/ledger/adjust", {{"amount", 0}, {"reason", "x"}}).status == 400);
  CHECK(daemon.send("POST", "/orgs/acme/ledger/adjust", {{"amount", 5}}).status == 400);
  CHECK(daemon.send("POST", "/orgs/acme/ledger/adjust", {{"amount", 5}, {"reason", ""}}).status == 400);
  const Got below = daemon.send("POST", "/orgs/acme/ledger/adjust", {{"amount", -5}, {"reason", "x"}});
  CHECK(below.status == 402);
  CHECK(below.code() == "insufficient_credits");
  CHECK(daemon.send("POST", "/credits/purchase?dry_run=1", {{"org", "acme"}, {"amount", 5}})
            .json["balance_after"] == 5);
  CHECK(daemon.make("GET", "/orgs/acme/ledger")["total"] == 0);
  CHECK(daemon.make("GET", "/orgs/acme/audit?event=ledger.*")["total"] == 0);
  CHECK(
      daemon
          .send("POST", "/orgs/acme/ledger/adjust", {{"amount", -5}, {"reason", "x"}, {"allow_negative", true}})
          .json["balance_after"] == -5);
}

TEST_CASE("the statement is paged, windowed and exported whole") {
  Daemon daemon;
  daemon.make_acme();
  for (int i = 1; i <= 5; ++i) {
    daemon.make("POST", "/credits/purchase", {{"org", "acme"}, {"amount", i}});
    daemon.clock.advance_seconds(3600);
  }
  const Json first = daemon.make("GET", "/orgs/acme/ledger?limit=2");
  CHECK(first["total"] == 5);
  CHECK(first["items"][1]["balance_after"] == 3);
  const Json second =
      daemon.make("GET", "/orgs/acme/ledger?limit=3&cursor=" + first["next"].get<std::string>());
  CHECK(second["items"][0]["seq"] == 3);
  CHECK(second["items"][2]["balance_after"] == 15);
  CHECK(second["next"].is_null());
  CHECK(daemon.make("GET", "/orgs/acme/ledger?since=150m")["total"] == 2);
  CHECK(daemon.make("GET", "/orgs/acme/ledger?until=2026-09-21T14:30:00Z")["total"] == 1);
  CHECK(daemon.get("/orgs/acme/ledger?since=yesterday").status == 400);

  const Got all = daemon.get("/orgs/acme/ledger/export");
  CHECK(all.status == 200);
  CHECK(all.header("content-type") == "application/jsonl");
  CHECK(all.header("x-request-id").starts_with("req_"));
  std::vector<Json> lines;
  for (std::size_t at = 0; at < all.body.size(); at = all.body.find('\n', at) + 1) {
    lines.push_back(Json::parse(all.body.substr(at, all.body.find('\n', at) - at)));
  }
  REQUIRE(lines.size() == 5);
  CHECK(lines[4]["balance_after"] == 15);
  CHECK(lines[0] == first["items"][0]);
}

TEST_CASE("usage is told as it was recorded, summed and narrowed") {
  Daemon daemon;
  daemon.make_acme();
  const Json key = daemon.make("POST", "/agents/acme%2Fprod%2Fsupport%2Ftriage/keys", {{"name", "k"}});
  daemon.make("POST", "/credits/purchase", {{"org", "acme"}, {"amount", 100'000}});
  daemon.clock.advance_seconds(1);
  const RequestId call = daemon.make_call("acme", 750, "alice");
  daemon.clock.advance_seconds(std::int64_t{2} * 86'400);
  daemon.make_call("acme", 250, "bob", "gpt-4o-mini");
  daemon.close();
  daemon.open();  // memory is rebuilt from the file, as at a start

  const Json history = daemon.make("GET", "/usage/history/acme");
  CHECK(history["total"] == 2);
  CHECK(history["items"][0]["model"] == "gpt-4o-mini");
  const Json event = daemon.make("GET", "/usage/request/" + call.text());
  CHECK(history["items"][1] == event);
  CHECK(event["agent"] == "acme/prod/support/triage");
  CHECK(event["key_id"] == key["id"]);
  CHECK(event["status"] == "SUCCESS");
  CHECK(event["input_tokens"] == 120);
  CHECK(event["cached_tokens"] == 20);
  CHECK(event["output_tokens"] == 50);
  CHECK(event["cost_usd"] == "0.00075");
  CHECK(event["credits_charged"] == 750);
  CHECK(event["flags"] == Json::array());

  const std::string group = daemon.make("GET", "/orgs/acme")["billing_group_id"];
  CHECK(daemon.make("GET", "/usage/history/" + group)["total"] == 2);
  CHECK(daemon.make("GET", "/usage/history/acme?model=gpt-4o")["total"] == 1);
  CHECK(daemon.make("GET", "/usage/history/acme?status=ERROR")["total"] == 0);
  CHECK(daemon.get("/usage/history/acme?status=FINE").status == 400);
  CHECK(daemon.make("GET", "/usage/history/acme?path=acme/prod/support")["total"] == 2);
  CHECK(daemon.get("/usage/history/acme?path=acme/none").status == 404);
  CHECK(daemon.make("GET", "/usage/history/acme?since=24h")["total"] == 1);

  const Json burn = daemon.make("GET", "/usage/burn-rate/acme");
  CHECK(burn["path"] == "acme");
  CHECK(burn["last_24h"] == 250);
  CHECK(burn["last_7d"] == 1000);
  CHECK(burn["calls_24h"] == 1);
  CHECK(burn["calls_7d"] == 2);
  CHECK(burn["balance"] == 99'000);
  CHECK(burn["seconds_left"] == 34'214'400);
  const Json narrowed = daemon.make("GET", "/usage/burn-rate/acme?path=acme/prod");
  CHECK(narrowed["last_7d"] == 1000);
  CHECK(narrowed["balance"].is_null());

  const Json users = daemon.make("GET", "/usage/top-users/acme?window=7d");
  CHECK(users["items"][0]["name"] == "alice");
  CHECK(users["items"][0]["credits"] == 750);
  CHECK(users["total"] == 2);
  CHECK(daemon.make("GET", "/usage/top/acme")["items"][0]["name"] == "acme/prod/support/triage");
  CHECK(daemon.make("GET", "/usage/top/acme?by=key&window=7d")["items"][0]["name"] ==
        "acme/prod/support/triage k");
  CHECK(daemon.make("GET", "/usage/top/acme?by=model&window=7d&limit=1")["items"].size() == 1);
  CHECK(daemon.get("/usage/top/acme?by=colour").status == 400);
  CHECK(daemon.get("/usage/top/acme?window=long").status == 400);

  // The call's usage event is its audit record.
  const Json audit = daemon.make("GET", "/orgs/acme/audit?event=gateway.request");
  CHECK(audit["total"] == 2);
  CHECK(audit["items"][1]["request_id"] == call.text());
  CHECK(audit["items"][1]["metadata"]["credits_charged"] == 750);
  CHECK(daemon.make("GET", "/orgs/acme/audit?resource=acme/prod/support/triage")["total"] == 4);
  std::vector<std::string> events;
  std::string target = "/orgs/acme/audit?limit=3";
  for (;;) {
    const Json page = daemon.make("GET", target);
    for (const auto& row : page["items"]) events.push_back(row["event_type"]);
    if (page["next"].is_null()) break;
    target = "/orgs/acme/audit?limit=3&cursor=" + page["next"].get<std::string>();
  }
  CHECK(events == std::vector<std::string>{"gateway.request", "gateway.request", "ledger.purchase",
                                           "key.create", "agent.create", "agent-group.create",
                                           "workspace.create", "org.create"});
}

TEST_CASE("a call is refunded up to its charge") {
  Daemon daemon;
  daemon.make_acme();
  daemon.make("POST", "/agents/acme%2Fprod%2Fsupport%2Ftriage/keys", {{"name", "k"}});
  daemon.make("POST", "/credits/purchase", {{"org", "acme"}, {"amount", 1000}});
  const RequestId call = daemon.make_call("acme", 750);
  daemon.close();
  daemon.open();
  const std::string route = "/usage/" + call.text() + "/refund";
  const Got part = daemon.send("POST", route, {{"amount", 50}, {"reason", "slow"}});
  CHECK(part.status == 201);
  CHECK(part.json["type"] == "REFUND");
  CHECK(part.json["request_id"] == call.text());
  CHECK(part.json["balance_after"] == 300);
  CHECK(daemon.send("POST", route, {{"amount", 701}}).status == 409);
  CHECK(daemon.send("POST", route, {{"amount", -1}}).status == 400);
  CHECK(daemon.send("POST", route).json["amount"] == 700);
  CHECK(daemon.send("POST", route).status == 409);
  CHECK(daemon.make("GET", "/orgs/acme/balance")["balance"] == 1000);
  CHECK(daemon.send("POST", "/usage/req_019a0000-0000-7000-8000-000000000000/refund").status == 404);
  CHECK(daemon.send("POST", "/usage/nonsense/refund").status == 404);
  CHECK(daemon.make("GET", "/orgs/acme/audit?event=ledger.refund")["total"] == 2);
}

TEST_CASE("verify tells what it checked, and a fault as a finding") {
  Daemon daemon;
  daemon.make_acme();
  daemon.make("POST", "/credits/purchase", {{"org", "acme"}, {"amount", 1000}});
  const Json all = daemon.make("GET", "/verify");
  CHECK(all["ok"] == true);
  CHECK(all["tables"].size() == 4);
  CHECK(all["tables"][3]["org"] == "platform");
  const Json one = daemon.make("GET", "/verify?org=acme");
  CHECK(one["tables"].size() == 3);
  CHECK(daemon.get("/verify?org=none").status == 404);

  auto tenant = daemon.registry->find_slug("acme");
  SQLite::Database somebody(tenant->path(), SQLite::OPEN_READWRITE);
  somebody.exec("DROP TRIGGER ledger_no_update; UPDATE ledger SET amount = 2000 WHERE seq = 1");
  const Got got = daemon.get("/verify?org=acme");
  CHECK(got.status == 200);
  CHECK(got.json["ok"] == false);
  bool told = false;
  for (const auto& table : got.json["tables"])
    told = told || (table["ok"] == false && table["fault"].is_string());
  CHECK(told);
}

}  // namespace govctl::control::test
