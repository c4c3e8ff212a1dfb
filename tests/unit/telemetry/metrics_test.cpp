// What GET /metrics shows, as Prometheus reads it.

#include "daemon/telemetry/metrics.h"

#include <catch2/catch.hpp>
#include <regex>
#include <sstream>
#include <thread>

using namespace govctl;
using namespace govctl::metrics;
using domain::PriceKind;

namespace {

bool has(const std::string& text, const std::string& line) {
  return text.find(line + "\n") != std::string::npos;
}

CallFigures call() {
  CallFigures figures;
  figures.provider = "bedrock";
  figures.model = "claude-x";
  figures.dialect = "messages";
  figures.usage[PriceKind::input] = 100;
  figures.usage[PriceKind::cache_read] = 900;
  figures.usage[PriceKind::output] = 16;
  figures.credits = Credits::of(42);
  figures.duration_us = 1'500'000;
  figures.upstream_us = 1'400'000;
  figures.first_chunk_us = 320'000;
  return figures;
}

}  // namespace

TEST_CASE("a call is in every figure that it is of, under the conventions' names") {
  Metrics metrics;
  metrics.call_finished(call());
  const std::string text = metrics.text();
  const std::string labels =
      R"(gen_ai_operation_name="chat",gen_ai_provider_name="aws.bedrock",gen_ai_request_model="claude-x")";
  CHECK(has(text, "# TYPE gen_ai_client_token_usage histogram"));
  CHECK(has(text, "gen_ai_client_token_usage_bucket{" + labels + R"(,gen_ai_token_type="input",le="256"} 0)"));
  CHECK(has(text, "gen_ai_client_token_usage_bucket{" + labels + R"(,gen_ai_token_type="input",le="1024"} 1)"));
  CHECK(has(text, "gen_ai_client_token_usage_sum{" + labels + R"(,gen_ai_token_type="input"} 1000)"));
  // A bound is in its own bucket.
  CHECK(has(text, "gen_ai_client_token_usage_bucket{" + labels + R"(,gen_ai_token_type="output",le="4"} 0)"));
  CHECK(has(text, "gen_ai_client_token_usage_bucket{" + labels + R"(,gen_ai_token_type="output",le="16"} 1)"));
  CHECK(has(text, "gen_ai_client_operation_duration_seconds_bucket{" + labels + R"(,le="1.28"} 0)"));
  CHECK(has(text, "gen_ai_client_operation_duration_seconds_bucket{" + labels + R"(,le="2.56"} 1)"));
  CHECK(has(text, "gen_ai_client_operation_duration_seconds_bucket{" + labels + R"(,le="+Inf"} 1)"));
  CHECK(has(text, "gen_ai_client_operation_duration_seconds_sum{" + labels + "} 1.5"));
  CHECK(has(text, "gen_ai_client_operation_duration_seconds_count{" + labels + "} 1"));
  CHECK(has(text, "gen_ai_client_operation_time_to_first_chunk_seconds_sum{" + labels + "} 0.32"));
  CHECK(has(text, R"(govd_calls_total{provider="bedrock",dialect="messages",status="SUCCESS"} 1)"));
  CHECK(has(text, R"(govd_usage_total{provider="bedrock",kind="cache_read"} 900)"));
  CHECK(has(text, R"(govd_usage_total{provider="bedrock",kind="reasoning"} 0)"));
  CHECK(has(text, R"(govd_credits_charged_total{provider="bedrock"} 42)"));
  CHECK(has(text, R"(govd_upstream_duration_seconds_sum{provider="bedrock"} 1.4)"));
}

TEST_CASE("refusals by cause, stages, and what is in flight") {
  Metrics metrics;
  metrics.refused(domain::Cause::budget);
  metrics.refused(domain::Cause::budget);
  metrics.took(Stage::commit, 300);
  metrics.took(Stage::reserve, -5);
  metrics.set_in_flight(3);
  metrics.set_queue_depth(7, 4);
  const std::string text = metrics.text();
  CHECK(has(text, R"(govd_refusals_total{cause="budget_exceeded"} 2)"));
  CHECK(has(text, R"(govd_refusals_total{cause="frozen"} 0)"));
  CHECK(has(text, R"(govd_stage_duration_seconds_bucket{stage="commit",le="0.00025"} 0)"));
  CHECK(has(text, R"(govd_stage_duration_seconds_bucket{stage="commit",le="0.0005"} 1)"));
  CHECK(has(text, R"(govd_stage_duration_seconds_sum{stage="commit"} 0.0003)"));
  CHECK(has(text, R"(govd_stage_duration_seconds_sum{stage="reserve"} 0)"));
  CHECK(has(text, "govd_calls_in_flight 3"));
  CHECK(has(text, R"(govd_write_queue_depth{queue="journal"} 7)"));
  CHECK(has(text, R"(govd_write_queue_depth{queue="writer"} 4)"));
  Timer timer(Stage::settle, metrics);
  timer.done();
  CHECK(has(metrics.text(), R"(govd_stage_duration_seconds_count{stage="settle"} 1)"));
}

TEST_CASE("a call without usage, times or a known dialect says nothing of them") {
  Metrics metrics;
  CallFigures failed;
  failed.provider = "openai";
  failed.model = "m";
  failed.dialect = "telepathy";
  failed.status = domain::CallStatus::error;
  metrics.call_finished(failed);
  const std::string text = metrics.text();
  CHECK(has(text, R"(govd_calls_total{provider="openai",dialect="other",status="ERROR"} 1)"));
  CHECK(text.find("gen_ai_client_token_usage_count") == std::string::npos);
  CHECK(text.find("time_to_first_chunk_seconds_count") == std::string::npos);
  CHECK(text.find("govd_upstream_duration_seconds_count") == std::string::npos);
}

TEST_CASE("every line is one that the text format has, whatever a model is called") {
  Metrics metrics;
  auto odd = call();
  odd.model =
      "a\"b\\c\nd\x01"
      "e";
  metrics.call_finished(odd);
  metrics.call_finished(call());
  const std::string text = metrics.text();
  CHECK(text.find(R"(gen_ai_request_model="a\"b\\c\nd?e")") != std::string::npos);
  const std::regex sample(
      R"(([a-z_]+)(\{[a-z_]+="([^"\\]|\\["\\n])*"(,[a-z_]+="([^"\\]|\\["\\n])*")*\})? -?[0-9]+(\.[0-9]+)?)");
  const std::regex comment("# (HELP|TYPE) [a-z_]+ .+");
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    CHECK(std::regex_match(line, line.starts_with('#') ? comment : sample));
  }
  CHECK(text.ends_with('\n'));
}

TEST_CASE("however many models there are, the figures do not grow without end") {
  Metrics metrics;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "model-" + std::to_string(i);
    auto one = call();
    one.model = name;
    metrics.call_finished(one);
  }
  const std::string text = metrics.text();
  std::size_t series = 0;
  std::int64_t calls = 0;
  const std::regex count(R"(gen_ai_client_operation_duration_seconds_count\{.*\} ([0-9]+))");
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, count)) continue;
    ++series;
    calls += std::stoll(match[1]);
  }
  CHECK(series == 201);
  CHECK(calls == 1000);
  CHECK(has(text, R"(gen_ai_client_operation_duration_seconds_count{gen_ai_operation_name="other",)"
                  R"(gen_ai_provider_name="other",gen_ai_request_model="other"} 800)"));
  CHECK(has(text, R"(govd_calls_total{provider="bedrock",dialect="messages",status="SUCCESS"} 1000)"));
}

TEST_CASE("nothing is lost between threads, the first sight of a label included") {
  for (int round = 0; round < 20; ++round) {
    Metrics metrics;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 500; ++i) {
          const std::string name = "m" + std::to_string(i % 10);
          auto one = call();
          one.model = name;
          metrics.call_finished(one);
        }
      });
    }
    for (auto& thread : threads) thread.join();
    const std::string text = metrics.text();
    CHECK(has(text, R"(govd_credits_charged_total{provider="bedrock"} 84000)"));
    for (int i = 0; i < 10; ++i) {
      CHECK(has(text, R"(gen_ai_client_operation_duration_seconds_count{gen_ai_operation_name="chat",)"
                      R"(gen_ai_provider_name="aws.bedrock",gen_ai_request_model="m)" +
                          std::to_string(i) + "\"} 200"));
    }
  }
}
