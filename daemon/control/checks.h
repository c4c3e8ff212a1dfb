#pragma once
// What administrators may write: every refusal is `invalid` and names the field.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/api/fields.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/money.h"
#include "daemon/control/context.h"

namespace govctl::control {

// 1 to 200 characters, no control characters.
Result<void> check_name(std::string_view field, std::string_view text);
// 0 to `most` characters, no control characters but, with `lines`, line ends and tabs.
Result<void> check_text(std::string_view field, std::string_view text, std::size_t most, bool lines = false);
// 1 to 2^53-1.
Result<void> check_positive(std::string_view field, std::int64_t value);
inline Result<void> check_positive(std::string_view field, const std::optional<std::int64_t>& value) {
  return value ? check_positive(field, *value) : Result<void>{};
}

// The slug as given, or made from the name; checked.
Result<std::string> slug_or_made(const std::optional<std::string>& slug, std::string_view name);
// A number of credits from 0 to 2^53-1, or "unlimited" (empty).
Result<std::optional<Credits>> parse_overdraft(const Json& overdraft);
Result<void> check_credits_per_usd(std::int64_t rate);
// A positive duration of at most ten years.
Result<std::int64_t> parse_span(std::string_view field, std::string_view text);
// An instant to come.
Result<Timestamp> parse_future(std::string_view field, std::string_view text, Timestamp now);

// The first that failed.
inline Result<void> all_of(std::initializer_list<Result<void>> checks) {
  for (const auto& check : checks) {
    if (!check) return check;
  }
  return {};
}

}  // namespace govctl::control
