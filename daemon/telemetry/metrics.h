#pragma once
// What GET /metrics shows. Names follow OpenTelemetry's GenAI conventions where there is one, in Prometheus's
// spelling (gen_ai.client.operation.duration in seconds: gen_ai_client_operation_duration_seconds), else start
// with govd_. Recording takes no lock: any thread, on a call's way. Labels come from small sets; never a path,
// a key or a prompt.

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/money.h"
#include "daemon/domain/admission.h"
#include "daemon/domain/usage.h"
#include "daemon/telemetry/series.h"

namespace govctl::metrics {

// A call that was sent to a provider and is settled. `model` is the one that is priced: what clients make up is
// refused before and not counted here.
struct CallFigures {
  std::string_view provider, model;
  std::string_view dialect;  // "chat", "messages", "responses", "embeddings"
  domain::CallStatus status = domain::CallStatus::success;
  domain::Usage usage;
  Credits credits;
  std::int64_t duration_us = 0;                // from the request's head to the answer's end
  std::optional<std::int64_t> upstream_us;     // from sending to the upstream's last byte
  std::optional<std::int64_t> first_chunk_us;  // of a stream
};

// The steps that write to the disk. reserve, settle: a call's record, until it is durable; journal: one frame
// of such records; commit: one transaction of the writer, whatever is in it.
enum class Stage : std::uint8_t { reserve, settle, journal, commit };
constexpr std::size_t stage_count = 4;

// The conventions' bucket boundaries: seconds as microseconds, and tokens.
inline constexpr std::array<std::int64_t, 14> call_bounds{
    10'000,    20'000,    40'000,    80'000,     160'000,    320'000,    640'000,
    1'280'000, 2'560'000, 5'120'000, 10'240'000, 20'480'000, 40'960'000, 81'920'000};
inline constexpr std::array<std::int64_t, 14> token_bounds{
    1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864};
// A commit is a fraction of a millisecond on a good disk.
inline constexpr std::array<std::int64_t, 14> stage_bounds{
    50, 100, 250, 500, 1'000, 2'500, 5'000, 10'000, 25'000, 50'000, 100'000, 250'000, 1'000'000, 5'000'000};

class Metrics {
 public:
  void call_finished(const CallFigures& call);
  void refused(domain::Cause cause);
  void took(Stage stage, std::int64_t micros);
  // As they are at a scrape; whoever knows them sets them before text().
  void set_in_flight(std::int64_t calls) { in_flight_.set(calls); }
  // What waits: records for their journals, operations and records for the writers.
  void set_queue_depth(std::int64_t journal, std::int64_t writer) {
    journal_depth_.set(journal);
    writer_depth_.set(writer);
  }
  void spans_exported(std::int64_t spans) { spans_exported_.add(spans); }
  void spans_dropped(std::int64_t spans) { spans_dropped_.add(spans); }

  // Prometheus text exposition format 0.0.4.
  [[nodiscard]] std::string text() const;

 private:
  static constexpr std::size_t max_models = 200;  // (provider, model), with the operation
  static constexpr std::size_t max_calls = 256;   // (provider, dialect, status)
  static constexpr std::size_t max_providers = 64;
  using CallTime = Histogram<call_bounds>;
  using Tokens = Histogram<token_bounds>;

  Family<Tokens, 3, max_models> input_tokens_, output_tokens_;
  Family<CallTime, 3, max_models> duration_, first_chunk_;
  Family<Counter, 3, max_calls> calls_;
  Family<std::array<Counter, domain::price_kind_count>, 1, max_providers> quantities_;
  Family<Counter, 1, max_providers> credits_;
  Family<CallTime, 1, max_providers> upstream_;
  std::array<Counter, domain::cause_count> refusals_;
  std::array<Histogram<stage_bounds>, stage_count> stages_;
  Gauge in_flight_, journal_depth_, writer_depth_;
  Counter spans_exported_, spans_dropped_;
};

// The daemon's own.
Metrics& process();

// Times a stage: from its making until it is done().
class Timer {
 public:
  explicit Timer(Stage stage, Metrics& metrics = process()) : stage_(stage), metrics_(metrics) {}
  void done() {
    const auto passed = std::chrono::steady_clock::now() - start_;
    metrics_.took(stage_, std::chrono::duration_cast<std::chrono::microseconds>(passed).count());
  }

 private:
  Stage stage_;
  Metrics& metrics_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace govctl::metrics
