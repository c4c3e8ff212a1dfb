#include "tests/unit/control/fixture.h"

namespace govctl::control::test {

TEST_CASE("the shipped providers and prices are there") {
  Daemon daemon;
  const Json openai = daemon.make("GET", "/providers/openai");
  CHECK(openai["shipped"] == true);
  CHECK(openai["kind"] == "openai");
  const Json price = daemon.make("GET", "/pricing/openai/gpt-4o-mini");
  const auto row = [](const char* kind, const char* usd) {
    return Json{{"kind", kind}, {"price", usd}, {"unit", 1'000'000}, {"from_tokens", 0}};
  };
  CHECK(price["prices"] ==
        Json::array({row("input", "0.15"), row("cache_read", "0.075"), row("output", "0.6")}));
  CHECK(price["origin"] == "shipped");
  CHECK(daemon.make("GET", "/pricing?provider=mock&model=mock-model")["total"] == 1);
}

TEST_CASE("a provider is added, changed and deleted") {
  Daemon daemon;
  const Got got = daemon.send("POST", "/providers",
                              {{"name", "local"}, {"kind", "openai"}, {"base_url", "http://127.0.0.1:9/v1"}});
  REQUIRE(got.status == 201);
  CHECK(got.json["needs_credential"] == true);
  CHECK(daemon.make("GET", "/providers/local") == got.json);
  const Json changed =
      daemon.make("PATCH", "/providers/local", {{"idle_timeout_ms", 1000}, {"needs_credential", false}});
  CHECK(changed["idle_timeout_ms"] == 1000);
  CHECK(changed["version"] == 2);
  CHECK(daemon
            .send("POST", "/providers",
                  {{"name", "local"}, {"kind", "openai"}, {"base_url", "http://127.0.0.1:9/v1"}})
            .status == 409);
  daemon.make("PUT", "/pricing/local/m", {{"input", "1"}, {"output", "2"}});
  CHECK(daemon.send("DELETE", "/providers/local").status == 409);
  daemon.make("DELETE", "/pricing/local/m");
  CHECK(daemon.make("DELETE", "/providers/local?dry_run=1")["name"] == "local");
  CHECK(daemon.make("DELETE", "/providers/local")["name"] == "local");
  CHECK(daemon.get("/providers/local").status == 404);
  const Got shipped = daemon.send("DELETE", "/providers/openai");
  CHECK(shipped.status == 409);
  CHECK(daemon.make("PATCH", "/providers/openai", {{"connect_timeout_ms", 1234}})["connect_timeout_ms"] ==
        1234);
  CHECK(daemon.audit_rows("") == 6);
}

TEST_CASE("what a provider may not be") {
  Daemon daemon;
  for (const Json& body :
       {Json{{"name", "x"}, {"kind", "claude"}, {"base_url", "https://api.anthropic.com"}},
        Json{{"name", "x"}, {"kind", "openai"}, {"base_url", "ftp://x"}},
        Json{{"name", "x"}, {"kind", "openai"}, {"base_url", "http://example.com/v1"}},
        Json{{"name", "x"}, {"kind", "openai"}, {"base_url", "https://user:pw@example.com"}},
        Json{{"name", "x"}, {"kind", "mock"}, {"base_url", "https://example.com"}},
        Json{{"name", "No Slug"}, {"kind", "openai"}, {"base_url", "https://example.com"}},
        Json{{"name", "x"}, {"kind", "openai"}, {"base_url", "https://example.com"}, {"idle_timeout_ms", 0}},
        Json{{"name", "x"}, {"kind", "openai"}, {"base_url", "https://example.com"}, {"ca_file", "rel"}},
        Json{{"name", "x"},
             {"kind", "openai"},
             {"base_url", "https://example.com"},
             {"max_tokens_field", "n"}}}) {
    INFO(body.dump());
    CHECK(daemon.send("POST", "/providers", body).status == 400);
  }
  CHECK(daemon.send("PATCH", "/providers/openai", {{"base_url", "nonsense"}}).status == 400);
  CHECK(daemon.send("PATCH", "/providers/none", {{"base_url", "https://example.com"}}).status == 404);
  CHECK(daemon.audit_rows("") == 0);
}

TEST_CASE("setting a price makes a new version, and a version names one price for ever") {
  Daemon daemon;
  const Json first =
      daemon.make("PUT", "/pricing/openai/gpt-4o",
                  {{"input", "0.0030"}, {"output", "0.01"}, {"cache_read", "0.001"}, {"request", "0.5"}});
  const auto version = first["version"].get<int>();
  CHECK(first["origin"] == "set");
  CHECK(first["context_window"] == 128000);
  CHECK(first["prices"].size() == 4);
  CHECK(first["prices"][0]["price"] == "0.003");
  CHECK(first["prices"][3] == Json({{"kind", "request"}, {"price", "0.5"}, {"unit", 1}, {"from_tokens", 0}}));
  daemon.make("DELETE", "/pricing/openai/gpt-4o");
  CHECK(daemon.get("/pricing/openai/gpt-4o").status == 404);
  CHECK(daemon.make("PUT", "/pricing/openai/gpt-4o", {{"input", "1"}, {"output", "1"}})["version"] ==
        version + 1);
  // What stands after a slash is the model's, encoded.
  CHECK(daemon.make("PUT", "/pricing/openrouter/meta%2Fllama", {{"input", "0"}, {"output", "0"}})["model"] ==
        "meta/llama");

  const Got unknown = daemon.send("PUT", "/pricing/nobody/m", {{"input", "1"}, {"output", "1"}});
  CHECK(unknown.status == 404);
  CHECK(unknown.next() == "govctl provider add nobody");
  for (const Json& body :
       {Json{{"input", "1"}}, Json{{"input", 1}, {"output", "1"}}, Json{{"input", "-1"}, {"output", "1"}},
        Json{{"input", "1"}, {"output", "0.000000001"}}, Json{{"input", ""}, {"output", "1"}},
        Json{{"input", "1"}, {"output", "1"}, {"context_window", 0}}}) {
    INFO(body.dump());
    CHECK(daemon.send("PUT", "/pricing/openai/gpt-4o", body).status == 400);
  }
  Sent sent;
  sent.method = "PUT";
  sent.target = "/pricing/openai/gpt-4o";
  sent.body = R"({"input":"2","output":"2"})";
  sent.headers.push_back({"If-Match", "2"});
  CHECK(daemon.send(sent).status == 412);
  CHECK(daemon.audit_rows("") == 4);
}

}  // namespace govctl::control::test
