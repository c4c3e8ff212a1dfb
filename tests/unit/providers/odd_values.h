#pragma once
// Answers that are almost right: a sample with each of its values replaced, or left out, one at a time.

#include <nlohmann/json.hpp>
#include <string>

#include "daemon/providers/adapter.h"

namespace govctl::tests {

// Calls `use(text)` for every such answer.
template <class Use>
void with_odd_values(const providers::Json& sample, Use&& use) {
  using providers::Json;
  static const Json odd = Json::parse(
      R"([null, true, -1, 1.5, 1e300, 18446744073709551615, "", "x", [], {}, [[]], [7], {"a":{}}])");
  const auto visit = [&](const auto& self, Json& whole, const Json::json_pointer& at) -> void {
    const Json kept = whole[at];
    for (const Json& value : odd) {
      whole[at] = value;
      use(whole.dump());
    }
    whole[at] = kept;
    if (!kept.is_structured()) return;
    for (std::size_t i = 0; const auto& [key, child] : kept.items()) {
      if (kept.is_object()) {
        Json lacking = kept;
        lacking.erase(key);
        whole[at] = lacking;
        use(whole.dump());
        whole[at] = kept;
        self(self, whole, at / key);
      } else {
        self(self, whole, at / i++);
      }
    }
  };
  Json whole = sample;
  visit(visit, whole, Json::json_pointer());
}

}  // namespace govctl::tests
