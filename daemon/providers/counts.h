#pragma once
// What formats share: counts of usage, read with suspicion and sorted into disjoint kinds, and how much text an
// answer holds.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "daemon/providers/adapter.h"
#include "daemon/providers/json_object.h"

namespace govctl::providers {

// A usage object as written, its counts read with suspicion. Null is an object without counts; what is no
// object is absurd. `value` outlives it.
class UsageObject {
 public:
  explicit UsageObject(std::string_view value);

  // Absent (or null) is nothing; anything but a sane whole number is nothing, too, and absurd.
  std::optional<std::int64_t> count(std::string_view name);
  // The count `name` in the member `object`.
  std::optional<std::int64_t> detail(std::string_view object, std::string_view name);
  [[nodiscard]] bool absurd() const { return absurd_; }

 private:
  std::optional<std::int64_t> count_in(const JsonObject& object, std::string_view name);
  JsonObject members_;
  bool absurd_ = false;
};

// As OpenAI counts: the details are part of `in` and `out`.
struct TokenCounts {
  std::optional<std::int64_t> in, out, total;
  std::int64_t cached = 0, audio_in = 0;
  std::int64_t reasoning = 0, audio_out = 0;
  bool absurd = false;
};
// Nothing when neither `in` nor `out` is there.
UsageReport disjoint(const TokenCounts& counts);

// The length, as written, of the strings that are the value of a member with one of these names, at any depth
// of raw JSON that was scanned.
std::int64_t text_behind(std::string_view json, std::initializer_list<std::string_view> names);

}  // namespace govctl::providers
