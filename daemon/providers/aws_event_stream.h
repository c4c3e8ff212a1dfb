#pragma once
// The framing of AWS's streamed answers, application/vnd.amazon.eventstream
// (docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html), and what Bedrock puts into it
// (docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ResponseStream.html): each message holds one
// event of the model's own format in base64, or says that the call failed.

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "common/error.h"

namespace govctl::providers {

// One event of the model's format: Anthropic's, whose name is the "type" of its data. A failure that AWS tells
// comes as Anthropic's "error" event.
struct Decoded {
  std::string name;
  std::string data;
};

// Feed bytes as they come, in any cuts; take events until there is none.
class AwsEventStream {
 public:
  explicit AwsEventStream(std::size_t max_message_bytes = std::size_t{8} << 20) : max_(max_message_bytes) {}
  // An error, which stays: a message that is too large, or is not what its checksums say, or holds no event.
  // What was whole before it is still there to take.
  Result<void> feed(std::string_view bytes);
  std::optional<Decoded> next();

 private:
  // Takes the first message of the buffer; false when it is not whole yet.
  Result<bool> take();
  Result<void> decode(std::string_view headers, std::string_view payload);
  std::string buffer_;
  std::deque<Decoded> ready_;
  std::optional<Error> broken_;
  std::size_t max_;
};

}  // namespace govctl::providers
