#pragma once
// Values of the API's JSON as text: for cells, and to filter and sort by.

#include <compare>
#include <string>
#include <string_view>

#include "common/api/fields.h"

namespace govctl::cli {

// The member that "gateway.url" names; null when there is none.
const api::Json& field_of(const api::Json& object, std::string_view path);
// A value as one line: strings bare, lists joined, objects as name=value, null as nothing.
std::string flat(const api::Json& value);
// Numbers by size (decimal text too, exactly), the rest as text; what is not there comes last.
std::strong_ordering compare_values(const api::Json& a, const api::Json& b);

}  // namespace govctl::cli
