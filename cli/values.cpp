#include "cli/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace govctl::cli {

using api::Json;

const Json& field_of(const Json& object, std::string_view path) {
  static const Json absent;
  const Json* at = &object;
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    if (!at->is_object()) return absent;
    const auto found = at->find(std::string(path.substr(0, dot)));
    if (found == at->end()) return absent;
    at = &*found;
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return *at;
}

std::string flat(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_structured()) return value.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string joined;
  if (value.is_object()) {
    if (value.contains("kind") && value.contains("price") && value.contains("unit")) {
      const std::string tier = value.contains("from_tokens") && value["from_tokens"] != 0
                                   ? fmt::format(" from {}", flat(value["from_tokens"]))
                                   : "";
      return fmt::format("{} {}/{}{}", flat(value["kind"]), flat(value["price"]), flat(value["unit"]), tier);
    }
    for (const auto& [name, member] : value.items()) {
      if (!member.is_null()) joined += (joined.empty() ? "" : " ") + name + "=" + flat(member);
    }
    return joined;
  }
  const bool simple = std::ranges::none_of(value, [](const Json& item) { return item.is_structured(); });
  for (const auto& item : value) joined += (joined.empty() ? "" : simple ? "," : ", ") + flat(item);
  return joined;
}

namespace {

// "-12.50" taken apart: no floating point comes near an amount.
struct Decimal {
  bool negative = false;
  std::string_view whole, fraction;
};

std::optional<Decimal> decimal_of(std::string_view text) {
  Decimal made;
  if (text.starts_with('-')) {
    made.negative = true;
    text.remove_prefix(1);
  }
  const auto digits = [](std::string_view part) {
    return !part.empty() && std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
  };
  const std::size_t point = text.find('.');
  made.whole = text.substr(0, point);
  made.fraction = point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
  if (!digits(made.whole) || (point != std::string_view::npos && !digits(made.fraction))) return std::nullopt;
  made.whole.remove_prefix(std::min(made.whole.find_first_not_of('0'), made.whole.size()));
  made.fraction = made.fraction.substr(0, made.fraction.find_last_not_of('0') + 1);
  if (made.whole.empty() && made.fraction.empty()) made.negative = false;
  return made;
}

std::strong_ordering compare(const Decimal& a, const Decimal& b) {
  if (a.negative != b.negative) return a.negative ? std::strong_ordering::less : std::strong_ordering::greater;
  auto order = a.whole.size() <=> b.whole.size();
  if (order == 0) order = a.whole <=> b.whole;
  if (order == 0) order = a.fraction <=> b.fraction;
  return a.negative ? 0 <=> order : order;
}

}  // namespace

std::strong_ordering compare_values(const Json& a, const Json& b) {
  if (a.is_null() || b.is_null()) return a.is_null() <=> b.is_null();
  const std::string left = flat(a);
  const std::string right = flat(b);
  const auto x = decimal_of(left);
  const auto y = decimal_of(right);
  return x && y ? compare(*x, *y) : left <=> right;
}

}  // namespace govctl::cli
