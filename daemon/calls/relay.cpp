#include "daemon/calls/relay.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/calls/pings.h"
#include "daemon/http/sse.h"
#include "daemon/providers/aws_event_stream.h"

namespace govctl::calls {

using providers::Format;
using providers::StreamEvent;

namespace {

// An event's bytes with the blank line that a stream may end without.
void append_ended(std::string& out, std::string_view raw) {
  out += raw;
  if (raw.ends_with("\n\n") || raw.ends_with("\r\n\r\n") || raw.ends_with("\r\r")) return;
  out += raw.ends_with('\n') ? "\n" : "\n\n";
}

// One event as it was cut from the body. AWS's framing leaves no bytes that a client could be given.
struct Event {
  std::string_view raw, name, data;
};

// Cuts a body into events.
class Events {
 public:
  explicit Events(providers::Framing framing) {
    if (framing == providers::Framing::aws_event_stream) aws_.emplace();
  }

  // Takes the next bytes; empty is the end. False: they are not framed as they should be.
  bool feed(std::string_view bytes) {
    if (aws_) return bytes.empty() || aws_->feed(bytes).has_value();
    ended_ = bytes.empty();
    return ended_ || sse_.feed(bytes);
  }
  // Valid until the next one is asked for.
  std::optional<Event> next() {
    if (aws_) {
      decoded_ = aws_->next();
      if (!decoded_) return std::nullopt;
      raw_ = fmt::format("event: {}\ndata: {}\n\n", decoded_->name, decoded_->data);
      return Event{raw_, decoded_->name, decoded_->data};
    }
    auto event = sse_.next();
    if (!event && ended_) event = sse_.finish();
    if (!event) return std::nullopt;
    return Event{event->raw, event->event, event->data};
  }

 private:
  http::SseReader sse_;
  std::optional<providers::AwsEventStream> aws_;
  std::optional<providers::Decoded> decoded_;
  std::string raw_;
  bool ended_ = false;
};

// A dialect may have to say the whole answer again in its last event. No model makes as much as this.
constexpr std::int64_t most_translated = std::int64_t{16} << 20;

// One upstream's events, cut, read and said on.
class Reading {
 public:
  explicit Reading(const Relay& stream, Relayed& relayed)
      : stream_(stream),
        relayed_(relayed),
        outcome_(stream.hold.outcome()),
        reader_(providers::stream_reader(stream.passage.format)),
        events_(stream.passage.adapter->framing) {}

  // Takes the next bytes of the body; empty is its end.
  void feed(std::string_view bytes) {
    out_.clear();
    framed_ = events_.feed(bytes);
    take_events();
  }
  // What is produced with the event that waits for more to be held; empty: none does.
  [[nodiscard]] std::optional<std::int64_t> uncovered() const {
    if (!waiting_) return std::nullopt;
    return outcome_.relayed_bytes + waiting_->facts.produced_bytes;
  }
  // It is held.
  void go_on() {
    const Waiting waited = *std::exchange(waiting_, std::nullopt);
    take(waited.event, waited.facts);
    take_events();
  }
  [[nodiscard]] const std::string& out() const { return out_; }
  [[nodiscard]] bool over() const { return terminal_ || error_ || garbage_ || too_large_; }

  // Why the stream is over; `ended`: its body came to its proper end.
  [[nodiscard]] StreamEnd end(bool ended) const {
    if (error_) return StreamEnd::upstream_error_event;
    if (garbage_) return StreamEnd::garbage;
    if (too_large_) {
      relayed_.error = {Code::upstream_failed, "the answer is larger than 16 MiB", "", ""};
      return StreamEnd::upstream_failed;
    }
    if (terminal_ || (ended && finished_)) return StreamEnd::complete;
    if (ended)
      relayed_.error = {Code::upstream_failed, "the stream ended before its answer was finished", "", ""};
    return StreamEnd::upstream_failed;
  }

 private:
  // Its views are valid until the next event is asked for.
  struct Waiting {
    Event event;
    providers::EventFacts facts;
  };

  void take_events() {
    while (!over()) {
      auto event = events_.next();
      if (!event) break;
      read(*event);
      if (waiting_) return;
    }
    if (!framed_ && !over()) garbage_ = true;
    note_usage();
  }

  void read(const Event& event) {
    if (event.data.empty()) {  // comments and pings
      if (stream_.translation == nullptr) out_ += event.raw;
      return;
    }
    // As far as it was relayed: what is read now may not be.
    if (stream_.hold.by_estimate()) note_usage();
    const auto facts = reader_->read({event.name, event.data});
    if (!facts) {
      garbage_ = true;
      return;
    }
    if (facts->produced_bytes > 0 &&
        !stream_.hold.covers_output(outcome_.relayed_bytes + facts->produced_bytes)) {
      waiting_ = {event, *facts};
      return;
    }
    take(event, *facts);
  }

  void take(const Event& event, const providers::EventFacts& facts) {
    const StreamEvent said{event.name, event.data};
    outcome_.relayed_bytes += facts.produced_bytes;
    finished_ = finished_ || facts.finished;
    terminal_ = facts.terminal;
    error_ = facts.error;
    if (facts.usage_only) {
      relayed_.usage_chunk = event.data;
    } else if (stream_.translation != nullptr) {
      too_large_ = outcome_.relayed_bytes > most_translated;
      if (!too_large_) translate(said);
    } else {
      pass(event);
      if (stream_.early_end != nullptr) stream_.early_end->passed(said);
    }
  }

  void pass(const Event& event) {
    if (terminal_) {
      append_ended(relayed_.terminal, event.raw);
    } else {
      append_ended(out_, event.raw);
      ++relayed_.place.events;
    }
    relayed_.told = error_;
    // Messages need none: their errors stand alone.
    if (relayed_.place.id.empty() && stream_.passage.format != Format::messages)
      relayed_.place.id = id_of(event.data);
  }

  void translate(const StreamEvent& said) {
    if (error_) {
      relayed_.upstream_message = upstream_message(said.data);
      return;
    }
    if (said.data == "[DONE]") return;
    const std::size_t before = out_.size();
    if (!stream_.translation->event(said, out_)) garbage_ = true;
    // No JSON holds a bare line's end: each blank line is an event's.
    for (std::size_t at = out_.find("\n\n", before); at != std::string::npos; at = out_.find("\n\n", at + 2)) {
      ++relayed_.place.events;
    }
  }

  // The answer's id, for an event of our own: chat says it on top, responses inside.
  [[nodiscard]] static std::string id_of(std::string_view data) {
    auto object = providers::scan_object(data, providers::Utf8::passed);
    if (!object) return {};
    if (const auto* response = object->find("response")) {
      object = providers::scan_object(response->value, providers::Utf8::passed);
      if (!object) return {};
    }
    const auto* const id = object->find("id");
    return id == nullptr ? std::string{} : std::string(id->value);
  }

  void note_usage() {
    const providers::UsageReport report = reader_->usage();
    if (report.usage) outcome_.usage = report.usage;
    outcome_.usage_estimated = report.estimated;
    outcome_.usage_absurd = outcome_.usage_absurd || report.absurd;
  }

  const Relay& stream_;
  Relayed& relayed_;
  domain::Outcome& outcome_;
  std::unique_ptr<providers::StreamReader> reader_;
  Events events_;
  std::optional<Waiting> waiting_;
  bool framed_ = true;
  std::string out_;        // what passes now
  bool terminal_ = false;  // the format's last event was seen
  bool finished_ = false;  // a stop reason was seen
  bool error_ = false;
  bool garbage_ = false;
  bool too_large_ = false;
};

// Has what was read covered, durably; false where it is not. A coroutine of its own: what it needs is held for
// a moment only.
asio::awaitable<bool> cover(const Relay& stream, Reading& reading, Relayed& relayed) {
  while (const auto uncovered = reading.uncovered()) {
    auto extended = co_await stream.hold.extend(*uncovered);
    if (!extended) {
      relayed.refusal = std::move(extended.error());
      co_return false;
    }
    reading.go_on();
  }
  co_return true;
}

}  // namespace

asio::awaitable<void> relay(Relay stream, Relayed& relayed) {
  Reading reading(stream, relayed);
  Pings pings(stream.exchange, stream.passage.dialect->ping, stream.ping_after);
  bool ended = false;
  while (!ended && !reading.over()) {
    pings.listen();
    auto piece = co_await stream.response.read();
    co_await pings.quiet();
    if (stream.gone || stream.stopped) break;
    if (!piece) {
      relayed.error = std::move(piece.error());
      break;
    }
    ended = piece->empty();
    reading.feed(*piece);
    bool covered = true;
    if (reading.uncovered()) covered = co_await cover(stream, reading, relayed);
    if (!reading.out().empty()) {
      auto written = co_await stream.exchange.write(reading.out());
      if (!written || stream.gone) {
        relayed.end = stream.stopped ? StreamEnd::stopped : StreamEnd::client_gone;
        co_return;
      }
    }
    if (!covered) break;
  }
  relayed.end = relayed.refusal ? StreamEnd::not_covered : reading.end(ended);
  if (stream.stopped && !reading.over()) relayed.end = StreamEnd::stopped;
  if (stream.gone) relayed.end = StreamEnd::client_gone;
}

}  // namespace govctl::calls
