#pragma once
// Usage as Anthropic says it (platform.claude.com/docs/en/api/messages "usage", .../prompt-caching):
// input_tokens are those that no cache read or wrote; cache figures stand beside them.

#include <cstdint>
#include <optional>
#include <string_view>

#include "daemon/providers/adapter.h"
#include "daemon/providers/counts.h"

namespace govctl::providers::anthropic {

class UsageFigures {
 public:
  // `value` is a usage member as written. Figures that it names replace earlier ones; null and absent leave
  // them.
  void take(std::string_view value);
  // In disjoint kinds; empty while no figure came.
  [[nodiscard]] UsageReport report() const;

 private:
  void take_cache_writes(UsageObject& usage);
  std::optional<std::int64_t> input_, cache_read_, output_, searches_;
  std::optional<std::int64_t> cache_writes_;  // for 5 min and for 1 h
  std::int64_t cache_writes_1h_ = 0;          // of them, never more
  bool absurd_ = false;
};

}  // namespace govctl::providers::anthropic
