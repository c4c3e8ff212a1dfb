#pragma once
// How a dialect reads the fields of a request's body: strictly, and each fault names its field.

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "daemon/domain/admission.h"
#include "daemon/providers/json_object.h"

namespace govctl::calls {

// A refusal for a body that is at fault.
std::unexpected<domain::Refusal> bad(std::string parameter, std::string message);

bool same_but_for_case(std::string_view a, std::string_view b);

// A member that is there and not null; null otherwise.
const providers::JsonMember* given(const providers::JsonObject& object, std::string_view key);

// The body's members. Refused: what is no JSON object, a member that stands twice, one of `governed` in another
// spelling.
std::expected<providers::JsonObject, domain::Refusal> read_body(std::string_view body,
                                                                std::span<const std::string_view> governed);
// 1 to 200 characters without blanks.
std::expected<std::string, domain::Refusal> read_model(const providers::JsonObject& object);
// A number of tokens; empty when the field is not given.
std::expected<std::optional<std::int64_t>, domain::Refusal> read_bound(const providers::JsonObject& object,
                                                                       std::string_view field);
// false when the field is not given.
std::expected<bool, domain::Refusal> read_flag(const providers::JsonObject& object, std::string_view field);
// Who the client's user is, cut to 200 bytes; empty when the field is not given.
std::expected<std::string, domain::Refusal> read_user(const providers::JsonObject& object,
                                                      std::string_view field);

}  // namespace govctl::calls
