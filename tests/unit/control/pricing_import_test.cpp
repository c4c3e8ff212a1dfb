#include "tests/unit/control/fixture.h"

namespace govctl::control::test {
namespace {

Json row(const char* kind, const char* usd, std::int64_t from_tokens = 0, std::int64_t unit = 1'000'000) {
  return {{"kind", kind}, {"price", usd}, {"unit", unit}, {"from_tokens", from_tokens}};
}

Json model(const char* provider, const char* name, const std::vector<Json>& prices) {
  return {{"provider", provider}, {"model", name}, {"prices", prices}};
}

Json import_of(const std::vector<Json>& models) { return {{"source", "LiteLLM"}, {"models", models}}; }

}  // namespace

TEST_CASE("an import adds, changes and leaves alone, in one step with one audit row") {
  Daemon daemon;
  const Json before = daemon.make("GET", "/pricing/openai/gpt-4o-mini");
  daemon.make("PUT", "/pricing/openai/gpt-4o", {{"input", "1"}, {"output", "1"}});
  const auto rows = daemon.audit_rows("");
  const Json body = import_of(
      {model("openai", "gpt-new", {row("input", "1"), row("output", "2"), row("input", "3", 200'001)}),
       model("openai", "gpt-4o-mini", {row("input", "0.2"), row("output", "0.6")}),
       model("openai", "gpt-4o", {row("input", "2.5"), row("output", "10")}),
       model("mock", "mock-model", {row("input", "0.001", 0, 1000), row("output", "0.002", 0, 1000)}),
       model("nobody", "m", {row("input", "1"), row("output", "1")})});

  const Json dry = daemon.make("POST", "/pricing/import?dry_run=1", body);
  CHECK(daemon.get("/pricing/openai/gpt-new").status == 404);
  CHECK(daemon.audit_rows("") == rows);

  const Json report = daemon.make("POST", "/pricing/import", body);
  CHECK(report == dry);
  CHECK(report["added"] == 1);
  CHECK(report["changed"] == 1);
  CHECK(report["same"] == 1);
  CHECK(report["skipped"] == 2);
  REQUIRE(report["models"].size() == 4);
  CHECK(report["models"][1]["before"] == before["prices"]);
  CHECK(report["models"][2]["reason"] == "its price was set by hand");
  CHECK(report["models"][3]["reason"] == "there is no such provider");
  CHECK(daemon.audit_rows("") == rows + 1);

  const Json added = daemon.make("GET", "/pricing/openai/gpt-new");
  CHECK(added["origin"] == "imported");
  CHECK(added["source"] == "LiteLLM");
  CHECK(added["version"] == 1);
  CHECK(added["prices"] == Json::array({row("input", "1"), row("input", "3", 200'001), row("output", "2")}));
  const Json changed = daemon.make("GET", "/pricing/openai/gpt-4o-mini");
  CHECK(changed["version"] == before["version"].get<int>() + 1);
  CHECK(changed["context_window"] == before["context_window"]);
  CHECK(daemon.make("GET", "/pricing/openai/gpt-4o")["prices"][0]["price"] == "1");

  // Once more: nothing to do, nothing recorded.
  CHECK(daemon.make("POST", "/pricing/import", body)["same"] == 3);
  CHECK(daemon.audit_rows("") == rows + 1);

  Json all = body;
  all["replace"] = true;
  CHECK(daemon.make("POST", "/pricing/import", all)["changed"] == 1);
  CHECK(daemon.make("GET", "/pricing/openai/gpt-4o")["prices"][0]["price"] == "2.5");
}

TEST_CASE("an import is all or nothing: what it may not hold") {
  Daemon daemon;
  const Json good = model("openai", "gpt-new", {row("input", "1"), row("output", "2")});
  for (const Json& bad : {model("openai", "x", {row("input", "1")}), model("openai", "x", {row("output", "1")}),
                          model("openai", "x", {row("input", "1", 5), row("output", "1")}),
                          model("openai", "x", {row("input", "1"), row("input", "2"), row("output", "1")}),
                          model("openai", "x", {row("input", "1"), row("output", "1", 0, 10)}),
                          model("openai", "x", {row("input", "1"), row("output", "1", -1)}),
                          model("openai", "x", {row("input", "1e-3"), row("output", "1")}),
                          model("openai", "x", {row("input", "1"), row("output", "1"), row("thinking", "1")}),
                          model("openai", "", {row("input", "1"), row("output", "1")}), good}) {
    INFO(bad.dump());
    CHECK(daemon.send("POST", "/pricing/import", import_of({good, bad})).status == 400);
  }
  Json body = import_of({good});
  body["source"] = "";
  CHECK(daemon.send("POST", "/pricing/import", body).status == 400);
  body["source"] = "x";
  body["as_of"] = "yesterday";
  CHECK(daemon.send("POST", "/pricing/import", body).status == 400);
  CHECK(daemon.get("/pricing/openai/gpt-new").status == 404);
  CHECK(daemon.audit_rows("") == 0);
  body["as_of"] = "2026-07-02T00:00:00Z";
  CHECK(daemon.make("POST", "/pricing/import", body)["added"] == 1);
  CHECK(daemon.make("GET", "/pricing/openai/gpt-new")["as_of"] == "2026-07-02T00:00:00.000000Z");
}

TEST_CASE("a price set by hand can have every kind, and tiers by input") {
  Daemon daemon;
  const Json set = daemon.make("PUT", "/pricing/openai/gpt-x",
                               {{"input", "0.001"},
                                {"output", "0.002"},
                                {"audio_in", "0.003"},
                                {"audio_out", "0.004"},
                                {"image", "0.005"},
                                {"search", "0.01"},
                                {"tiers", Json::array({row("input", "0.006", 200'001, 1000)})}});
  CHECK(set["prices"] == Json::array({row("input", "0.001", 0, 1000), row("input", "0.006", 200'001, 1000),
                                      row("output", "0.002", 0, 1000), row("audio_in", "0.003", 0, 1000),
                                      row("audio_out", "0.004", 0, 1000), row("image", "0.005", 0, 1000),
                                      row("search", "0.01", 0, 1)}));
  CHECK(daemon
            .send("PUT", "/pricing/openai/gpt-x",
                  {{"input", "1"}, {"output", "1"}, {"tiers", Json::array({row("input", "1", 0)})}})
            .status == 400);
}

}  // namespace govctl::control::test
