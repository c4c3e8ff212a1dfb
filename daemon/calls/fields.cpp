#include "daemon/calls/fields.h"

#include <fmt/format.h>

#include <algorithm>

namespace govctl::calls {

using domain::Refusal;
using providers::JsonMember;
using providers::JsonObject;

std::unexpected<Refusal> bad(std::string parameter, std::string message) {
  Refusal refusal;
  refusal.cause = domain::Cause::bad_request;
  refusal.message = std::move(message);
  refusal.parameter = std::move(parameter);
  return std::unexpected(std::move(refusal));
}

bool same_but_for_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return lower(x) == lower(y);
  });
}

std::optional<Refusal> misspelt(const JsonObject& object, std::span<const std::string_view> governed) {
  for (const JsonMember& member : object.members) {
    for (const std::string_view name : governed) {
      if (member.key != name && same_but_for_case(member.key, name)) {
        return bad(std::string(member.key), fmt::format("field '{}' must be written '{}'", member.key, name))
            .error();
      }
    }
  }
  return std::nullopt;
}

const JsonMember* given(const JsonObject& object, std::string_view key) {
  const JsonMember* member = object.find(key);
  return member == nullptr || member->value == "null" ? nullptr : member;
}

std::expected<std::string, Refusal> model_of(const JsonObject& object) {
  const JsonMember* model = given(object, "model");
  if (model == nullptr) return bad("model", "field 'model' is missing");
  auto name = providers::json_string(model->value);
  if (!name) return bad("model", "field 'model' must be a string");
  const bool printable =
      std::ranges::all_of(*name, [](char c) { return static_cast<unsigned char>(c) > ' ' && c != 0x7f; });
  if (name->empty() || name->size() > 200 || !printable) {
    return bad("model", "field 'model' must be 1 to 200 characters without blanks");
  }
  return std::move(*name);
}

}  // namespace govctl::calls
