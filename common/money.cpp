#include "common/money.h"

#include <fmt/format.h>

namespace govctl {
namespace {

constexpr bool digit(char c) { return c >= '0' && c <= '9'; }

// "12.345" with at most `decimals` decimals as an integer of 10^-decimals; empty on anything else or over
// `max`.
std::optional<Int128> parse_decimal(std::string_view text, int decimals, Int128 max) {
  if (text.empty() || !digit(text.front())) return std::nullopt;
  if (text.size() > 1 && text[0] == '0' && digit(text[1])) return std::nullopt;
  Int128 value = 0;
  int seen = -1;  // decimals seen; -1 before the point
  for (const char c : text) {
    if (c == '.' && seen < 0) {
      seen = 0;
      continue;
    }
    if (!digit(c)) return std::nullopt;
    if (seen == decimals) {  // further zeros say nothing
      if (c != '0') return std::nullopt;
      continue;
    }
    if (seen >= 0) ++seen;
    value = value * 10 + (c - '0');
    if (value > max) return std::nullopt;
  }
  if (text.back() == '.') return std::nullopt;
  for (int i = seen < 0 ? 0 : seen; i < decimals; ++i) {
    value *= 10;
    if (value > max) return std::nullopt;
  }
  return value;
}

std::string decimal_text(Int128 value, int decimals) {
  std::string digits;
  do {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(value % 10)));
    value /= 10;
  } while (value > 0 || static_cast<int>(digits.size()) <= decimals);
  std::string text = digits.substr(0, digits.size() - static_cast<std::size_t>(decimals));
  std::string fraction = digits.substr(digits.size() - static_cast<std::size_t>(decimals));
  while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
  if (!fraction.empty()) text += "." + fraction;
  return text;
}

constexpr std::int64_t price_scale = 100'000'000;  // 10^8
constexpr Int128 cost_scale = Int128{price_scale} * 1'000'000;
constexpr std::int64_t max_price_usd = 1'000'000;

}  // namespace

Result<Credits> Credits::parse(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return fail(Code::invalid, fmt::format("'{}' is no number of credits: {}", text.substr(0, 40), why));
  };
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  if (digits.empty()) return bad("use decimal digits");
  if (digits.size() > 1 && digits[0] == '0') return bad("no leading zeros");
  std::int64_t value = 0;
  for (const char c : digits) {
    if (!digit(c)) return bad("use decimal digits");
    value = value * 10 + (c - '0');
    if (value > max_amount) return bad("the largest is 9007199254740991");
  }
  return Credits(negative ? -value : value);
}

Result<Price> Price::parse(std::string_view text) {
  const auto value = parse_decimal(text, 8, Int128{max_price_usd} * price_scale);
  if (!value) {
    return fail(Code::invalid,
                fmt::format("'{}' is no price: use USD as a decimal number with up to 8 decimals, "
                            "0 to 1000000",
                            text.substr(0, 40)));
  }
  return Price::of_e8(static_cast<std::int64_t>(*value));
}

std::string Price::text() const { return decimal_text(e8_, 8); }

bool Cost::add(std::int64_t quantity, Price price, std::int64_t unit) {
  if (quantity < 0 || quantity > max_quantity) return false;
  if (unit != 1 && unit != 1'000 && unit != 1'000'000) return false;
  // 10^12 x 10^14 x 10^6 = 10^32 fits 1.7 x 10^38 with room for 10^6 such terms.
  const Int128 term = Int128{quantity} * price.e8() * (1'000'000 / unit);
  return !__builtin_add_overflow(e14_, term, &e14_);
}

bool Cost::add(const Cost& other) { return !__builtin_add_overflow(e14_, other.e14_, &e14_); }

std::optional<Credits> Cost::credits(std::int64_t credits_per_usd) const {
  const Int128 whole = e14_ / cost_scale;
  const Int128 rest = e14_ % cost_scale;
  if (whole > max_amount) return std::nullopt;
  const Int128 credits = whole * credits_per_usd + (rest * credits_per_usd + cost_scale - 1) / cost_scale;
  if (credits > max_amount) return std::nullopt;
  return Credits::of(static_cast<std::int64_t>(credits));
}

std::string Cost::usd() const { return decimal_text(e14_, 14); }

std::optional<Cost> Cost::parse_usd(std::string_view text) {
  const auto value = parse_decimal(text, 14, Int128{max_amount} * cost_scale);
  if (!value) return std::nullopt;
  Cost cost;
  cost.e14_ = *value;
  return cost;
}

Cost Cost::of_credits(Credits credits, std::int64_t credits_per_usd) {
  Cost cost;
  cost.e14_ = Int128{credits.value()} * cost_scale / credits_per_usd;
  return cost;
}

Result<Credits> limit_in_credits(std::string_view usd, std::int64_t credits_per_usd) {
  const auto value = parse_decimal(usd, 8, Int128{max_amount} * price_scale);
  if (!value) {
    return fail(
        Code::invalid,
        fmt::format("'{}' is no amount in USD: use a decimal number with up to 8 decimals", usd.substr(0, 40)));
  }
  const Int128 credits =
      *value / price_scale * credits_per_usd + *value % price_scale * credits_per_usd / price_scale;
  if (credits > max_amount) return fail(Code::invalid, fmt::format("{} USD is more credits than 2^53-1", usd));
  return Credits::of(static_cast<std::int64_t>(credits));
}

}  // namespace govctl
