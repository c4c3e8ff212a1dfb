#pragma once
// What OpenAI's formats share: counts of usage, read with suspicion and sorted into disjoint kinds, and how
// much text an answer holds.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "daemon/providers/adapter.h"

namespace govctl::providers {

// A count in a usage object: absent (or null) is nothing, anything but a sane whole number is absurd.
std::optional<std::int64_t> count(const nlohmann::json& object, const char* name, bool& absurd);
// The count `name` in the member `object`; 0 when either is absent.
std::int64_t detail(const nlohmann::json& usage, const char* object, const char* name, bool& absurd);

// As OpenAI counts: the details are part of `in` and `out`.
struct TokenCounts {
  std::optional<std::int64_t> in, out, total;
  std::int64_t cached = 0, audio_in = 0;
  std::int64_t reasoning = 0, audio_out = 0;
  bool absurd = false;
};
// Nothing when neither `in` nor `out` is there.
UsageReport disjoint(const TokenCounts& counts);

// The length, as written, of the strings behind `"key":` in raw JSON.
std::int64_t text_behind(std::string_view json, std::string_view quoted_key);

}  // namespace govctl::providers
