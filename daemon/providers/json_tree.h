#pragma once
// Reading of JSON trees that others wrote: what is missing, null or of another type is told by a null pointer,
// never by an exception.

#include <optional>
#include <string>
#include <string_view>

#include "daemon/providers/adapter.h"

namespace govctl::providers {

// The member, when `object` is an object that has it and it is not null.
const Json* given(const Json& object, std::string_view key);
// The same, when it is of that type.
const std::string* string_in(const Json& object, std::string_view key);
const Json* object_in(const Json& object, std::string_view key);
const Json* array_in(const Json& object, std::string_view key);

// A count in a usage object: absent (or null) is nothing; anything but a sane whole number sets `absurd` and is
// nothing. 37.0 is a whole number.
std::optional<std::int64_t> count_in(const Json& object, std::string_view key, bool& absurd);

// invalid: no JSON, no object, nested deeper than 128.
Result<Json> parsed_object(std::string_view text);
// As compact text; bytes that are no UTF-8 are replaced.
std::string dumped(const Json& json);

// `text` as one segment of a path.
std::string percent_encoded(std::string_view text);

}  // namespace govctl::providers
