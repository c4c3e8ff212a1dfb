#pragma once
// Server-sent events (WHATWG HTML §9.2), read in place and passed on byte for byte.

#include <optional>
#include <string>
#include <string_view>

namespace govctl::http {

struct SseEvent {
  std::string_view raw;    // every byte of the event, its blank line included: what is relayed
  std::string_view event;  // the event field, or empty
  std::string_view data;   // the data lines joined by '\n'
};

// Feed bytes as they come, take events until there is none. CR, LF and CRLF end lines; a stream may start with
// a BOM. Comments and events without data come too (their data is empty), so that pings pass.
class SseReader {
 public:
  explicit SseReader(std::size_t max_event_bytes = std::size_t{8} << 20) : max_(max_event_bytes) {}
  // False when an event is larger than the limit: an upstream fault.
  bool feed(std::string_view bytes);
  // The next whole event; its views are valid until the next feed() or next().
  std::optional<SseEvent> next();
  // At the end of the stream: what stands there without its blank line, as an event; once.
  std::optional<SseEvent> finish();

 private:
  // Where the first event in the buffer ends, behind its blank line; npos when it is not whole yet.
  std::size_t find_end();
  SseEvent take(std::size_t end);
  std::string buffer_;
  std::string joined_;       // data of an event with several data lines
  std::size_t begin_ = 0;    // of the first event that was not taken
  std::size_t line_ = 0;     // the start of the line that is not whole yet
  std::size_t scanned_ = 0;  // how far that line was looked through
  bool first_ = true;        // a BOM may stand here
  std::size_t max_;
};

}  // namespace govctl::http
