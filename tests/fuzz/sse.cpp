// Server-sent events: every byte is in one event, and how the bytes are cut does not change the events.

#include "daemon/http/sse.h"

#include <optional>
#include <utility>
#include <vector>

#include "tests/fuzz/target.h"

using namespace govctl;

namespace {

struct Event {
  std::string raw, event, data;
  bool operator==(const Event&) const = default;
};

std::vector<Event> read(std::string_view bytes, bool pieces) {
  http::SseReader reader;
  std::vector<Event> events;
  const auto take = [&](const std::optional<http::SseEvent>& event) {
    if (event) events.push_back({std::string(event->raw), std::string(event->event), std::string(event->data)});
    return event.has_value();
  };
  while (!bytes.empty()) {
    const std::string_view piece = pieces ? fuzz::piece_of(bytes) : std::exchange(bytes, {});
    fuzz::require(reader.feed(piece));
    while (take(reader.next())) {
    }
  }
  take(reader.finish());
  return events;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text_of(data, size);
  const auto events = read(input, false);
  std::string all;
  for (const Event& event : events) all += event.raw;
  fuzz::require(all == input);
  std::string again, fields, fields_again;
  const auto fields_of = [](const Event& event) {
    return event.data.empty() ? std::string() : event.event + '\n' + event.data + '\n';
  };
  for (const Event& event : events) fields += fields_of(event);
  for (const Event& event : read(input, true)) {
    again += event.raw;
    fields_again += fields_of(event);
  }
  fuzz::require(again == input && fields_again == fields);
  return 0;
}
