// AWS's event stream: how the bytes are cut does not change the events, nor whether the stream breaks.

#include "daemon/providers/aws_event_stream.h"

#include <utility>
#include <vector>

#include "tests/fuzz/target.h"

using namespace govctl;

namespace {

struct Read {
  std::vector<std::pair<std::string, std::string>> events;
  bool broken = false;
  bool operator==(const Read&) const = default;
};

Read read(std::string_view bytes, bool pieces) {
  providers::AwsEventStream stream(4'096);
  Read result;
  while (!bytes.empty() && !result.broken) {
    result.broken = !stream.feed(pieces ? fuzz::piece_of(bytes) : std::exchange(bytes, {}));
    while (auto event = stream.next()) result.events.emplace_back(event->name, event->data);
  }
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text_of(data, size);
  fuzz::require(read(input, false) == read(input, true));
  return 0;
}
