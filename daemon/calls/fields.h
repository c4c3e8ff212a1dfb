#pragma once
// What every dialect's parse needs to read a body's fields strictly.

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "daemon/domain/admission.h"
#include "daemon/providers/json_object.h"

namespace govctl::calls {

// A bad_request that names the field.
std::unexpected<domain::Refusal> bad(std::string parameter, std::string message);

// "Model" where "model" is meant: upstreams differ in which one they believe.
bool same_but_for_case(std::string_view a, std::string_view b);
// A refusal when a member is one of `governed` in another spelling.
std::optional<domain::Refusal> misspelt(const providers::JsonObject& object,
                                        std::span<const std::string_view> governed);

// A member that is there and not null; else null.
const providers::JsonMember* given(const providers::JsonObject& object, std::string_view key);

// The field 'model': 1 to 200 characters without blanks.
std::expected<std::string, domain::Refusal> model_of(const providers::JsonObject& object);

}  // namespace govctl::calls
