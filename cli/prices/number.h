#pragma once
// Numbers of a JSON text as they are written: no price passes through floating point.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/api/fields.h"
#include "common/money.h"

namespace govctl::cli::prices {

// The text as JSON in which every number with a point or an exponent is a string, as written. Where a key
// stands twice the last one counts. invalid: no JSON, or nested deeper than 64.
Result<api::Json> parse_exact(std::string_view text);

// `number` x 10^shift as a price: "1.5e-07" shifted by 6 is 0.15. invalid: negative, no number, more than 8
// decimals, over 1,000,000 USD.
Result<Price> price_of(std::string_view number, int shift);
// Of a value that parse_exact() made.
Result<Price> price_of_value(const api::Json& value, int shift);

// A whole number over zero, else nothing.
std::optional<std::int64_t> count_of(const api::Json& object, std::string_view field);

}  // namespace govctl::cli::prices
