#pragma once
// Ends a stream that passes as it came before its provider ends it: the way an answer ends that its length cut
// short, after a notice that its reader sees (20-gateway.md "Streaming"). What was said so far stays good.

#include <memory>
#include <string>
#include <string_view>

#include "daemon/providers/adapter.h"

namespace govctl::calls {

class EarlyEnd {
 public:
  EarlyEnd() = default;
  virtual ~EarlyEnd() = default;
  EarlyEnd(const EarlyEnd&) = delete;
  EarlyEnd& operator=(const EarlyEnd&) = delete;
  // Every event that the client gets, in turn.
  virtual void passed(const providers::StreamEvent& event) = 0;
  // Appends what ends the stream, as SSE text.
  virtual void end(std::string_view notice, const domain::Usage& usage, std::string& out) = 0;
};
// Of messages and responses; null for chat, whose chunks need no place.
std::unique_ptr<EarlyEnd> early_end(providers::Format format);

}  // namespace govctl::calls
