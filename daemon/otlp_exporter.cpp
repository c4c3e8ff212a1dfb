#include "daemon/otlp_exporter.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "daemon/telemetry/log.h"
#include "daemon/telemetry/metrics.h"
#include "daemon/telemetry/spans.h"

namespace govctl {

namespace asio = boost::asio;

namespace {

constexpr std::size_t batch = 512;
constexpr std::chrono::seconds at_the_latest{5};
constexpr std::chrono::milliseconds look_every{250};
constexpr std::chrono::seconds last_words{2};
constexpr std::size_t max_answer_bytes = std::size_t{64} << 10;

}  // namespace

struct OtlpExporter::State {
  State(asio::io_context& given, http::Upstream to)
      : context(given), collector(std::move(to)), client(given), timer(given) {}

  asio::io_context& context;
  http::Upstream collector;
  http::Client client;
  asio::steady_timer timer;
  std::function<void()> abandon;
  bool stopping = false;
  bool ended = false;
  bool failing = false;

  asio::awaitable<bool> post(std::string body) {
    http::UpstreamRequest request;
    request.target = collector.base_path + "/v1/traces";
    request.headers.push_back({"Content-Type", "application/json"});
    request.body = std::move(body);
    auto response = co_await client.send(collector, std::move(request), &abandon);
    abandon = {};
    if (!response) co_return false;
    auto answer = co_await (*response)->read_all(max_answer_bytes);
    co_return answer.has_value() && (*response)->status() / 100 == 2;
  }

  asio::awaitable<void> send_batch() {
    const auto spans = otlp::spans().take(batch);
    const auto count = static_cast<std::int64_t>(spans.size());
    const bool taken = co_await post(otlp::traces_body(spans));
    if (taken) {
      metrics::process().spans_exported(count);
    } else {
      metrics::process().spans_dropped(count);
    }
    if (taken == failing) {
      failing = !taken;
      if (failing) {
        log::warn("the collector takes no spans; they are dropped", {{log::Field::host, collector.host}});
      } else {
        log::info("the collector takes spans again", {{log::Field::host, collector.host}});
      }
    }
  }

  asio::awaitable<void> run() {
    auto sent_at = std::chrono::steady_clock::now();
    while (!stopping) {
      timer.expires_after(look_every);
      boost::system::error_code ignored;
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      const auto now = std::chrono::steady_clock::now();
      const bool due = now - sent_at >= at_the_latest;
      if (due || otlp::spans().size() >= batch) sent_at = now;
      if (due && otlp::spans().size() > 0) co_await send_batch();
      while (otlp::spans().size() >= batch && !stopping) co_await send_batch();
    }
    while (otlp::spans().size() > 0) co_await send_batch();
  }
};

Result<http::Upstream> otlp_collector(std::string_view url) {
  auto collector = http::Upstream::parse(url, false);
  if (!collector) {
    return fail(Code::invalid,
                "'" + std::string(url.substr(0, 200)) +
                    "' is no URL of a collector: use https://HOST[:PORT], or http:// to loopback");
  }
  collector->allow_private = collector->tls;  // a collector may well stand in the house
  collector->connect_timeout = std::chrono::seconds(2);
  collector->first_byte_timeout = std::chrono::seconds(5);
  collector->idle_timeout = std::chrono::seconds(5);
  return collector;
}

OtlpExporter::OtlpExporter(asio::io_context& context, http::Upstream collector)
    : state_(std::make_shared<State>(context, std::move(collector))) {
  otlp::spans().want(true);
  asio::co_spawn(context, state_->run(), [state = state_](const std::exception_ptr& fault) {
    state->ended = true;
    otlp::spans().want(false);
    if (fault) log::error("the export of spans has stopped");
  });
}

OtlpExporter::~OtlpExporter() { otlp::spans().want(false); }

void OtlpExporter::finish() {
  State& state = *state_;
  state.stopping = true;
  state.timer.cancel();
  const auto run_until = [&](std::chrono::steady_clock::time_point deadline) {
    while (!state.ended && std::chrono::steady_clock::now() < deadline) {
      state.context.restart();
      state.context.run_for(std::chrono::milliseconds(10));
    }
  };
  run_until(std::chrono::steady_clock::now() + last_words);
  if (state.ended) return;
  otlp::spans().take(otlp::SpanQueue::capacity);
  if (state.abandon) state.abandon();
  run_until(std::chrono::steady_clock::now() + std::chrono::seconds(1));
}

}  // namespace govctl
