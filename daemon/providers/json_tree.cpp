#include "daemon/providers/json_tree.h"

#include <nlohmann/json.hpp>

#include "common/money.h"
#include "daemon/providers/json_object.h"

namespace govctl::providers {
namespace {

std::optional<std::int64_t> whole_number(const Json& number) {
  if (number.is_number_unsigned()) {
    const auto value = number.get<std::uint64_t>();
    if (value > static_cast<std::uint64_t>(max_quantity)) return std::nullopt;
    return static_cast<std::int64_t>(value);
  }
  if (number.is_number_integer()) return number.get<std::int64_t>();
  if (!number.is_number_float()) return std::nullopt;
  std::string text = number.dump();
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return json_integer(text);
}

}  // namespace

const Json* given(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

const std::string* string_in(const Json& object, std::string_view key) {
  const Json* member = given(object, key);
  return member != nullptr && member->is_string() ? member->get_ptr<const std::string*>() : nullptr;
}

const Json* object_in(const Json& object, std::string_view key) {
  const Json* member = given(object, key);
  return member != nullptr && member->is_object() ? member : nullptr;
}

const Json* array_in(const Json& object, std::string_view key) {
  const Json* member = given(object, key);
  return member != nullptr && member->is_array() ? member : nullptr;
}

std::optional<std::int64_t> count_in(const Json& object, std::string_view key, bool& absurd) {
  const Json* member = given(object, key);
  if (member == nullptr) return std::nullopt;
  const auto value = whole_number(*member);
  if (!value || *value < 0 || *value > max_quantity) {
    absurd = true;
    return std::nullopt;
  }
  return value;
}

Result<Json> parsed_object(std::string_view text) {
  // Bounds the nesting, which the tree's own functions recurse over.
  if (auto object = scan_object(text, Utf8::passed); !object) return std::unexpected(object.error());
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return fail(Code::invalid, "the text is no JSON in UTF-8");
  return json;
}

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += hex[byte >> 4U];
    encoded += hex[byte & 0xFU];
  }
  return encoded;
}

}  // namespace govctl::providers
