#include "cli/prices/number.h"

#include <algorithm>
#include <charconv>
#include <vector>

namespace govctl::cli::prices {
namespace {

using api::Json;

constexpr std::size_t max_depth = 64;

// Builds the tree of nlohmann's events; a floating point number keeps its text.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  Json root;
  std::string fault;

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t /*value*/, const string_t& text) override { return put(text); }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t& /*value*/) override { return false; }
  bool start_object(std::size_t /*elements*/) override { return open(Json::object()); }
  bool start_array(std::size_t /*elements*/) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    key_ = std::move(name);
    return true;
  }
  bool parse_error(std::size_t at, const std::string& /*token*/, const nlohmann::detail::exception&) override {
    fault = fmt::format("it is no JSON from byte {} on", at);
    return false;
  }

 private:
  Json* place(Json value) {
    if (open_.empty()) {
      root = std::move(value);
      return &root;
    }
    Json& inside = *open_.back();
    if (inside.is_array()) {
      inside.push_back(std::move(value));
      return &inside.back();
    }
    Json& member = inside[key_];
    member = std::move(value);
    return &member;
  }
  bool put(Json value) {
    place(std::move(value));
    return true;
  }
  bool open(Json value) {
    if (open_.size() == max_depth) {
      fault = "it is nested deeper than 64";
      return false;
    }
    open_.push_back(place(std::move(value)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  std::vector<Json*> open_;
  std::string key_;
};

constexpr bool digit(char c) { return c >= '0' && c <= '9'; }

// digits x 10^exponent, without leading or trailing zeros.
struct Decimal {
  std::string digits;
  std::int64_t exponent = 0;
};

std::optional<Decimal> decimal_of(std::string_view text) {
  Decimal number;
  std::size_t at = 0;
  bool point = false;
  for (; at < text.size() && (digit(text[at]) || (text[at] == '.' && !point)); ++at) {
    if (text[at] == '.') {
      point = true;
      continue;
    }
    number.digits += text[at];
    if (point) --number.exponent;
  }
  if (number.digits.empty()) return std::nullopt;
  if (at < text.size()) {
    if (text[at] != 'e' && text[at] != 'E') return std::nullopt;
    std::string_view power = text.substr(at + 1);
    if (power.starts_with('+')) power.remove_prefix(1);
    int exponent = 0;
    const auto [end, fault] = std::from_chars(power.data(), power.data() + power.size(), exponent);
    if (fault != std::errc{} || end != power.data() + power.size()) return std::nullopt;
    number.exponent += exponent;
  }
  number.digits.erase(0, std::min(number.digits.find_first_not_of('0'), number.digits.size()));
  while (number.digits.ends_with('0')) {
    number.digits.pop_back();
    ++number.exponent;
  }
  return number;
}

}  // namespace

Result<Json> parse_exact(std::string_view text) {
  Builder builder;
  if (Json::sax_parse(text, &builder) && builder.fault.empty()) return std::move(builder.root);
  return fail(Code::invalid, builder.fault.empty() ? "it is no JSON" : builder.fault);
}

Result<Price> price_of(std::string_view number, int shift) {
  const std::string shown(number.substr(0, 40));
  if (number.starts_with('-')) return fail(Code::invalid, fmt::format("{} is negative", shown));
  auto decimal = decimal_of(number);
  if (!decimal) return fail(Code::invalid, fmt::format("'{}' is no number", shown));
  if (decimal->digits.empty()) return Price{};
  const std::int64_t decimals = decimal->exponent + shift + 8;  // of 10^-8 USD
  if (decimals < 0) {
    return fail(Code::invalid, fmt::format("{} has more decimals than the 8 of a price per million", shown));
  }
  // 1,000,000 USD is 10^14 of them: 15 digits.
  std::int64_t e8 = 0;
  const auto length = static_cast<std::int64_t>(decimal->digits.size()) + decimals;
  if (length <= 15) {
    decimal->digits.append(static_cast<std::size_t>(decimals), '0');
    std::from_chars(decimal->digits.data(), decimal->digits.data() + decimal->digits.size(), e8);
  }
  if (length > 15 || e8 > 100'000'000'000'000) {
    return fail(Code::invalid, fmt::format("{} is over 1000000 USD per million", shown));
  }
  return Price::of_e8(e8);
}

Result<Price> price_of_value(const Json& value, int shift) {
  if (value.is_string()) return price_of(value.get_ref<const std::string&>(), shift);
  if (value.is_number_integer()) return price_of(value.dump(), shift);
  return fail(Code::invalid, "it is no number");
}

std::optional<std::int64_t> count_of(const Json& object, std::string_view field) {
  const auto found = object.find(field);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  // Over 2^53-1 it is no count of tokens.
  if (found->is_number_unsigned() && found->get<std::uint64_t>() > static_cast<std::uint64_t>(max_amount)) {
    return std::nullopt;
  }
  const auto count = found->get<std::int64_t>();
  if (count < 1) return std::nullopt;
  return count;
}

}  // namespace govctl::cli::prices
