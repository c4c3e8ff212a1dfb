// GET /metrics: Prometheus's text format, read line by line, with the figures of calls that were made.

#include <catch2/catch.hpp>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "tests/functional/harness/dialects.h"

using namespace govctl::test;

namespace {

// A page in the text format 0.0.4, each line of which must be a family's head or a sample of that family.
class Page {
 public:
  explicit Page(const std::string& text) {
    REQUIRE(text.ends_with('\n'));
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) read(line);
    check_histograms();
  }
  // As it stands behind the name and its labels; "none" where there is no such sample.
  [[nodiscard]] std::string operator[](const std::string& sample) const {
    const auto found = samples_.find(sample);
    return found == samples_.end() ? "none" : found->second;
  }

 private:
  void read(const std::string& line) {
    INFO(line);
    static const std::regex help(R"(# HELP ([a-z_]+) \S.*)");
    static const std::regex type(R"(# TYPE ([a-z_]+) (counter|gauge|histogram))");
    static const std::regex sample(
        R"rx(([a-z_]+)(\{[a-z_]+="(?:[^"\\]|\\.)*"(?:,[a-z_]+="(?:[^"\\]|\\.)*")*\})? (-?[0-9]+(?:\.[0-9]+)?))rx");
    std::smatch parts;
    if (std::regex_match(line, parts, help)) {
      REQUIRE(families_.insert(parts[1]).second);
      family_ = parts[1];
      type_.clear();
    } else if (std::regex_match(line, parts, type)) {
      REQUIRE(parts[1] == family_);
      type_ = parts[2];
    } else {
      REQUIRE(std::regex_match(line, parts, sample));
      const std::string name = parts[1];
      if (type_ == "histogram") {
        REQUIRE((name == family_ + "_bucket" || name == family_ + "_sum" || name == family_ + "_count"));
      } else {
        REQUIRE(name == family_);
      }
      if (type_ == "counter") REQUIRE(name.ends_with("_total"));
      REQUIRE(samples_.emplace(name + parts[2].str(), parts[3]).second);
      order_.emplace_back(name, parts[2], parts[3]);
    }
  }
  // Buckets grow, and the last is the count that follows.
  void check_histograms() const {
    std::int64_t below = 0;
    bool infinite = false;
    for (const auto& [name, labels, value] : order_) {
      INFO(name << labels);
      if (name.ends_with("_bucket")) {
        if (infinite) below = 0;
        CHECK(std::stoll(value) >= below);
        below = std::stoll(value);
        infinite = labels.find(R"(le="+Inf")") != std::string::npos;
      } else if (name.ends_with("_count")) {
        CHECK(infinite);
        CHECK(std::stoll(value) == below);
        infinite = false;
        below = 0;
      }
    }
  }

  std::set<std::string> families_;
  std::string family_, type_;
  std::map<std::string, std::string> samples_;
  std::vector<std::tuple<std::string, std::string, std::string>> order_;
};

}  // namespace

TEST_CASE("after known calls every figure is exactly right", "[metrics]") {
  Dialects d;
  d.upstream.uses("m", {.prompt = 100, .completion = 20, .cached = 40, .reasoning = 5});
  d.upstream.on("a", [](Reply& reply) {
    begin_message(reply, 300, "Hello");
    finish_message(reply, 7);
    stop_message(reply);
  });
  d.daemon.price("anthropic-like", "a", "0.001", "0.001");
  d.upstream.on("broken", [](Reply& reply) { reply.json(500, {{"error", {{"message", "no"}}}}); });
  d.daemon.price("fake", "broken", "0.001", "0.001");

  REQUIRE(d.post("/v1/chat/completions", request("fake/m")).status == 200);
  REQUIRE(d.post("/v1/chat/completions", request("fake/m")).status == 200);
  REQUIRE(d.stream("/v1/messages", messages_request("anthropic-like/a")).status == 200);
  REQUIRE(d.post("/v1/chat/completions", request("fake/broken")).status == 500);
  REQUIRE(d.post("/v1/chat/completions", request("fake/unpriced")).status == 400);

  const Answer answer = d.daemon.control("GET", "/metrics");
  CHECK(answer.header("content-type") == "text/plain; version=0.0.4; charset=utf-8");
  const Page page(answer.body);
  CHECK(page[R"(govd_calls_total{provider="fake",dialect="chat",status="SUCCESS"})"] == "2");
  CHECK(page[R"(govd_calls_total{provider="fake",dialect="chat",status="ERROR"})"] == "1");
  CHECK(page[R"(govd_calls_total{provider="anthropic-like",dialect="messages",status="SUCCESS"})"] == "1");
  CHECK(page[R"(govd_refusals_total{cause="no_price"})"] == "1");
  CHECK(page[R"(govd_refusals_total{cause="budget_exceeded"})"] == "0");
  // 60 fresh, 40 cached, 15 said and 5 thought; twice
  CHECK(page[R"(govd_usage_total{provider="fake",kind="input"})"] == "120");
  CHECK(page[R"(govd_usage_total{provider="fake",kind="cache_read"})"] == "80");
  CHECK(page[R"(govd_usage_total{provider="fake",kind="output"})"] == "30");
  CHECK(page[R"(govd_usage_total{provider="fake",kind="reasoning"})"] == "10");
  CHECK(page[R"(govd_usage_total{provider="anthropic-like",kind="input"})"] == "300");
  const std::int64_t fake = 1'000'000 - 307 - d.daemon.balance("acme");
  CHECK(page[R"(govd_credits_charged_total{provider="fake"})"] == std::to_string(fake));
  CHECK(fake == 2 * (60 + 4 + 20));
  CHECK(page[R"(govd_credits_charged_total{provider="anthropic-like"})"] == "307");

  const std::string chat =
      R"(gen_ai_operation_name="chat",gen_ai_provider_name="fake",gen_ai_request_model="m")";
  const std::string sum = "gen_ai_client_token_usage_sum{" + chat;
  CHECK(page[sum + R"(,gen_ai_token_type="input"})"] == "200");
  CHECK(page[sum + R"(,gen_ai_token_type="output"})"] == "40");
  const std::string bucket = "gen_ai_client_token_usage_bucket{" + chat + R"(,gen_ai_token_type="input",le=)";
  CHECK(page[bucket + R"("64"})"] == "0");
  CHECK(page[bucket + R"("256"})"] == "2");
  CHECK(page["gen_ai_client_operation_duration_seconds_count{" + chat + "}"] == "2");
  CHECK(page["gen_ai_client_operation_time_to_first_chunk_seconds_count{" + chat + "}"] == "none");
  CHECK(page["gen_ai_client_operation_time_to_first_chunk_seconds_count{gen_ai_operation_name=\"chat\","
             "gen_ai_provider_name=\"anthropic-like\",gen_ai_request_model=\"a\"}"] == "1");
  CHECK(page[R"(govd_upstream_duration_seconds_count{provider="fake"})"] == "3");

  // Four calls held money; the fifth was refused.
  CHECK(page[R"(govd_stage_duration_seconds_count{stage="reserve"})"] == "4");
  CHECK(page[R"(govd_stage_duration_seconds_count{stage="settle"})"] == "4");
  // One after another: each record had a frame to itself, the refusal's, too.
  CHECK(page[R"(govd_stage_duration_seconds_count{stage="journal"})"] == "9");
  CHECK(std::stoll(page[R"(govd_stage_duration_seconds_count{stage="commit"})"]) >= 1);
  CHECK(page["govd_calls_in_flight"] == "0");
  CHECK(page[R"(govd_write_queue_depth{queue="journal"})"] == "0");
}

TEST_CASE("a call that is with its provider is in flight", "[metrics]") {
  Dialects d;
  d.upstream.on("m", [](Reply& reply) { reply.wait_until_gone(); });
  HttpClient open = d.daemon.chat_open(d.shop.key.secret, request("fake/m"), {});
  REQUIRE(d.upstream.reached("m", 1));
  CHECK(Page(d.daemon.control("GET", "/metrics").body)["govd_calls_in_flight"] == "1");
  d.daemon.kill();
  d.daemon.start();
}

TEST_CASE("--metrics-listen serves /metrics and nothing else, on loopback alone", "[metrics]") {
  {
    TestDaemon daemon({.flags = {"--metrics-listen", "127.0.0.1:0"}});
    const std::string log = daemon.log();
    std::smatch port;
    REQUIRE(std::regex_search(log, port, std::regex(R"rx("metrics are served","port":([0-9]+))rx")));
    const std::string where = "http://127.0.0.1:" + port[1].str();
    const Answer answer = http(where, "GET", "/metrics");
    CHECK(answer.status == 200);
    CHECK(answer.header("content-type") == "text/plain; version=0.0.4; charset=utf-8");
    CHECK(Page(answer.body)["govd_calls_in_flight"] == "0");
    CHECK(http(where, "GET", "/orgs").status == 404);
    CHECK(http(where, "POST", "/metrics").status == 405);
    CHECK(http(daemon.gateway(), "GET", "/metrics").status == 404);
  }
  for (const char* address : {"0.0.0.0:0", "192.168.1.1:9090", "[::]:0", "9090"}) {
    TestDaemon refused({.flags = {"--metrics-listen", address}, .start = false});
    const ProgramEnd end = refused.start_in_vain();
    CHECK(end.exit_code == 64);
    CHECK(end.output.find("no address to listen on") != std::string::npos);
  }
}
