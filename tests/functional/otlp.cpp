// Spans of calls at a collector: one a call, never at the cost of one.

#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "tests/functional/harness/dialects.h"

using namespace govctl::test;

namespace {

// What a collector got so far, over all batches.
std::vector<Json> spans_of(const FakeUpstream& collector) {
  std::vector<Json> spans;
  for (const Seen& seen : collector.seen()) {
    CHECK(seen.target == "/v1/traces");
    CHECK(find_header(seen.headers, "content-type") == "application/json");
    const Json body = Json::parse(seen.body);
    for (const Json& span : body["resourceSpans"][0]["scopeSpans"][0]["spans"]) spans.push_back(span);
  }
  return spans;
}

std::string attribute(const Json& span, const std::string& key) {
  for (const Json& one : span["attributes"]) {
    if (one["key"] == key) return one["value"].begin().value().dump();
  }
  return "none";
}

bool comes(const std::function<bool()>& what) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!what()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(20ms);
  }
  return true;
}

std::string metric(TestDaemon& daemon, const std::string& name) {
  const std::string text = daemon.control("GET", "/metrics").body;
  const std::size_t at = text.find("\n" + name + " ");
  if (at == std::string::npos) return "none";
  const std::size_t begin = at + name.size() + 2;
  return text.substr(begin, text.find('\n', begin) - begin);
}

struct Collector {
  FakeUpstream server;
  std::string url;
  Collector() {
    url = server.base_url();
    url.erase(url.find("/", 8));
  }
};

}  // namespace

TEST_CASE("every call is a span at the collector, within seconds", "[otlp]") {
  Collector collector;
  collector.server.on("", [](Reply& reply) { reply.json(200, Json::object()); });
  Dialects d({.flags = {"--otlp-endpoint", collector.url}});
  const Answer good = d.post("/v1/chat/completions", request("fake/m"));
  REQUIRE(good.status == 200);
  d.upstream.on("broken", [](Reply& reply) { reply.json(500, {{"error", {{"message", "no"}}}}); });
  d.daemon.price("fake", "broken", "0.001", "0.001");
  REQUIRE(d.post("/v1/chat/completions", request("fake/broken")).status == 500);
  REQUIRE(comes([&] { return metric(d.daemon, "govd_spans_exported_total") == "2"; }));

  const auto spans = spans_of(collector.server);
  REQUIRE(spans.size() == 2);
  CHECK(spans[0]["name"] == "chat fake/m");
  CHECK(spans[0]["traceId"].get<std::string>().size() == 32);
  CHECK(attribute(spans[0], "govd.request_id") == "\"" + good.header("x-request-id") + "\"");
  CHECK(attribute(spans[0], "govd.agent") == R"("acme/prod/support/triage")");
  CHECK(attribute(spans[0], "gen_ai.usage.input_tokens") == R"("100")");
  CHECK(attribute(spans[0], "gen_ai.usage.output_tokens") == R"("20")");
  CHECK(attribute(spans[0], "govd.credits_charged") == R"("120")");
  CHECK(spans[0]["startTimeUnixNano"].get<std::string>() <= spans[0]["endTimeUnixNano"].get<std::string>());
  CHECK(attribute(spans[1], "error.type") == R"("upstream_error")");
  for (const Seen& seen : collector.server.seen()) {
    CHECK(seen.body.find("cpk_") == std::string::npos);
    CHECK(seen.body.find("Say something") == std::string::npos);
  }
  CHECK(metric(d.daemon, "govd_spans_dropped_total") == "0");
}

TEST_CASE("what waits is sent when the daemon stops", "[otlp]") {
  Collector collector;
  collector.server.on("", [](Reply& reply) { reply.json(200, Json::object()); });
  Dialects d({.flags = {"--otlp-endpoint", collector.url}});
  REQUIRE(d.post("/v1/chat/completions", request("fake/m")).status == 200);
  CHECK(d.daemon.stop() == 0);
  CHECK(spans_of(collector.server).size() == 1);
  d.daemon.start();
}

TEST_CASE("a collector that fails costs its spans, and no call anything", "[otlp]") {
  Collector collector;
  std::atomic<int> status = 503;
  collector.server.on("", [&](Reply& reply) { reply.json(status, Json::object()); });
  Dialects d({.flags = {"--otlp-endpoint", collector.url}});
  REQUIRE(d.post("/v1/chat/completions", request("fake/m")).status == 200);
  REQUIRE(comes([&] { return metric(d.daemon, "govd_spans_dropped_total") == "1"; }));
  status = 200;
  REQUIRE(d.post("/v1/chat/completions", request("fake/m")).status == 200);
  REQUIRE(comes([&] { return metric(d.daemon, "govd_spans_exported_total") == "1"; }));
  d.books_balance(240);
}

TEST_CASE("a collector that never answers holds up neither calls nor the end", "[otlp]") {
  Collector collector;
  collector.server.on("", [](Reply& reply) { reply.wait_until_gone(); });
  Dialects d({.flags = {"--otlp-endpoint", collector.url}});
  for (int i = 0; i < 3; ++i) REQUIRE(d.post("/v1/chat/completions", request("fake/m")).status == 200);
  const auto begin = std::chrono::steady_clock::now();
  CHECK(d.daemon.stop() == 0);
  CHECK(std::chrono::steady_clock::now() - begin < 20s);
  d.daemon.start();
}

TEST_CASE("no endpoint, no spans; a bad one is refused at start", "[otlp]") {
  {
    Dialects d;
    REQUIRE(d.post("/v1/chat/completions", request("fake/m")).status == 200);
    CHECK(metric(d.daemon, "govd_spans_exported_total") == "0");
    CHECK(metric(d.daemon, "govd_spans_dropped_total") == "0");
  }
  for (const char* url : {"http://collector.example:4318", "ftp://127.0.0.1", "https://user:pw@host", "4318"}) {
    TestDaemon refused({.flags = {"--otlp-endpoint", url}, .start = false});
    INFO(url);
    CHECK(refused.start_in_vain().exit_code == 64);
  }
}
