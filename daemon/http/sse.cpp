#include "daemon/http/sse.h"

#include <algorithm>

namespace govctl::http {

namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

// Where the line that starts at `from` ends (at its CR or LF), or npos.
std::size_t line_end(std::string_view text, std::size_t from) {
  const auto end = std::find_if(text.begin() + static_cast<std::ptrdiff_t>(from), text.end(),
                                [](char c) { return c == '\n' || c == '\r'; });
  return end == text.end() ? std::string_view::npos : static_cast<std::size_t>(end - text.begin());
}

// The first line of `text` without its end; both are cut off.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = line_end(text, 0);
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(line.size());
  if (text.starts_with("\r\n")) {
    text.remove_prefix(2);
  } else if (!text.empty()) {
    text.remove_prefix(1);
  }
  return line;
}

}  // namespace

bool SseReader::feed(std::string_view bytes) {
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    line_ -= begin_;
    scanned_ -= begin_;
    begin_ = 0;
  }
  buffer_.append(bytes);
  if (buffer_.size() <= max_) return true;
  const std::size_t end = find_end();
  return end != std::string::npos && end <= max_;
}

std::size_t SseReader::find_end() {
  if (first_ && line_ == 0 && buffer_.starts_with(byte_order_mark)) line_ = byte_order_mark.size();
  scanned_ = std::max(scanned_, line_);
  for (;;) {
    const std::size_t end = line_end(buffer_, scanned_);
    scanned_ = std::min(end, buffer_.size());
    if (end == std::string::npos) break;
    std::size_t after = end + 1;
    if (buffer_[end] == '\r') {
      if (after == buffer_.size()) break;  // whether an LF belongs to it is not known yet
      if (buffer_[after] == '\n') ++after;
    }
    if (end == line_) return after;
    line_ = scanned_ = after;
  }
  return std::string::npos;
}

std::optional<SseEvent> SseReader::next() {
  const std::size_t end = find_end();
  if (end == std::string::npos) return std::nullopt;
  return take(end);
}

std::optional<SseEvent> SseReader::finish() {
  if (begin_ == buffer_.size()) return std::nullopt;
  return take(buffer_.size());
}

SseEvent SseReader::take(std::size_t end) {
  SseEvent event{std::string_view(buffer_).substr(begin_, end - begin_), {}, {}};
  std::string_view rest = event.raw;
  if (first_ && rest.starts_with(byte_order_mark)) rest.remove_prefix(byte_order_mark.size());
  first_ = false;
  std::size_t data_lines = 0;
  while (!rest.empty()) {
    const std::string_view line = take_line(rest);
    const std::size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    std::string_view value = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (name == "event") {
      event.event = value;
    } else if (name == "data" && data_lines++ == 0) {
      event.data = value;
    } else if (name == "data") {
      if (data_lines == 2) joined_.assign(event.data);
      joined_.append("\n").append(value);
      event.data = joined_;
    }
  }
  begin_ = line_ = scanned_ = end;
  return event;
}

}  // namespace govctl::http
