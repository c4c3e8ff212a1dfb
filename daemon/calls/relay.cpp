#include "daemon/calls/relay.h"

#include "daemon/providers/openai.h"

namespace govctl::calls {

using providers::openai::Chunk;

namespace {

// What has been read of the stream so far.
struct Progress {
  bool done = false;      // [DONE] was seen
  bool finished = false;  // a choice has its finish_reason
  bool error_event = false;
  bool garbage = false;
  std::string out;  // what passes now

  [[nodiscard]] bool over() const { return done || error_event || garbage; }
};

void take(const http::SseEvent& event, Progress& progress, Relayed& relayed, domain::Outcome& outcome) {
  if (event.data.empty()) {  // comments and pings pass
    progress.out += event.raw;
    return;
  }
  if (event.data == "[DONE]") {
    progress.done = true;
    return;
  }
  auto chunk = providers::openai::read_chunk(event.data);
  if (!chunk) {
    progress.garbage = true;
    return;
  }
  outcome.relayed_bytes += chunk->produced_bytes;
  outcome.usage_absurd = outcome.usage_absurd || chunk->usage.absurd;
  if (chunk->usage.usage) outcome.usage = chunk->usage.usage;
  progress.finished = progress.finished || chunk->finished;
  if (chunk->usage_only) {
    relayed.usage_chunk = event.data;
    return;
  }
  progress.error_event = chunk->error;
  progress.out += event.raw;
  // A stream may end without its blank line; what we pass on ends properly.
  if (!event.raw.ends_with("\n\n") && !event.raw.ends_with("\r\n\r\n") && !event.raw.ends_with("\r\r")) {
    progress.out += event.raw.ends_with('\n') ? "\n" : "\n\n";
  }
  if (relayed.last_id.empty()) {
    const auto* id = chunk->object.find("id");
    if (id != nullptr) relayed.last_id = id->value;
  }
}

}  // namespace

asio::awaitable<Relayed> relay_chat(http::UpstreamResponse& response, http::Exchange& exchange,
                                    domain::Outcome& outcome, const bool& gone) {
  Relayed relayed;
  Progress progress;
  http::SseReader reader;
  bool ended = false;
  while (!ended && !progress.over()) {
    auto piece = co_await response.read();
    if (gone) {
      relayed.end = StreamEnd::client_gone;
      co_return relayed;
    }
    if (!piece) {
      relayed.error = std::move(piece.error());
      break;
    }
    progress.out.clear();
    if (piece->empty()) {
      ended = true;
      if (auto last = reader.finish()) take(*last, progress, relayed, outcome);
    } else if (!reader.feed(*piece)) {
      progress.garbage = true;
    }
    while (!progress.over()) {
      auto event = reader.next();
      if (!event) break;
      take(*event, progress, relayed, outcome);
    }
    if (progress.out.empty()) continue;
    auto written = co_await exchange.write(progress.out);
    if (!written || gone) {
      relayed.end = StreamEnd::client_gone;
      co_return relayed;
    }
  }
  if (progress.error_event) {
    relayed.end = StreamEnd::upstream_error_event;
  } else if (progress.garbage) {
    relayed.end = StreamEnd::garbage;
  } else if (progress.done || (ended && progress.finished)) {
    relayed.end = StreamEnd::complete;
  } else if (ended) {
    relayed.error = {Code::upstream_failed, "the stream ended before its answer was finished", "", ""};
  }
  co_return relayed;
}

}  // namespace govctl::calls
