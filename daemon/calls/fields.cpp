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

const JsonMember* given(const JsonObject& object, std::string_view key) {
  const JsonMember* member = object.find(key);
  return member == nullptr || member->value == "null" ? nullptr : member;
}

std::expected<JsonObject, Refusal> read_body(std::string_view body,
                                             std::span<const std::string_view> governed) {
  auto object = providers::scan_object(body);
  if (!object) return bad("", object.error().message);
  for (const JsonMember& member : object->members) {
    for (const std::string_view name : governed) {
      if (member.key != name && same_but_for_case(member.key, name)) {
        return bad(std::string(member.key), fmt::format("field '{}' must be written '{}'", member.key, name));
      }
    }
  }
  return std::move(*object);
}

std::expected<std::string, Refusal> read_model(const JsonObject& object) {
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

std::expected<std::optional<std::int64_t>, Refusal> read_bound(const JsonObject& object,
                                                               std::string_view field) {
  const JsonMember* member = given(object, field);
  if (member == nullptr) return std::nullopt;
  const auto bound = providers::json_integer(member->value);
  if (!bound || *bound < 1 || *bound > 1'000'000'000) {
    return bad(std::string(field),
               fmt::format("field '{}' must be a whole number from 1 to 1000000000", field));
  }
  return bound;
}

std::expected<bool, Refusal> read_flag(const JsonObject& object, std::string_view field) {
  const JsonMember* member = given(object, field);
  if (member == nullptr) return false;
  if (member->value != "true" && member->value != "false") {
    return bad(std::string(field), fmt::format("field '{}' must be true or false", field));
  }
  return member->value == "true";
}

std::expected<std::string, Refusal> read_user(const JsonObject& object, std::string_view field) {
  const JsonMember* member = given(object, field);
  if (member == nullptr) return std::string{};
  const auto text = providers::json_string(member->value);
  if (!text) return bad(std::string(field), fmt::format("field '{}' must be a string", field));
  return std::string(providers::cut(*text, 200));
}

}  // namespace govctl::calls
