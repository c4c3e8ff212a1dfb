#pragma once
// Money, exact (30-ledger.md "Figures"). No floating point anywhere. Credits are the ledger's unit; Price is
// USD per unit of use; Cost is USD exactly, in 10^-14 USD, 128 bits wide.

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/error.h"

namespace govctl {

__extension__ typedef __int128 Int128;

// A whole number of credits. Arithmetic is checked: what does not fit in 64 bits is an Error, never a wrap.
class Credits {
 public:
  constexpr Credits() = default;
  static constexpr Credits of(std::int64_t value) { return Credits(value); }
  template <class T>
  static Credits of(T) = delete;  // no double, no silent narrowing
  static constexpr Credits of(int value) { return Credits(value); }

  // Decimal digits with an optional leading '-' or '+'; no spaces, no leading zeros. |x| <= 2^53-1.
  static Result<Credits> parse(std::string_view text);

  [[nodiscard]] constexpr std::int64_t value() const { return value_; }
  [[nodiscard]] std::optional<Credits> plus(Credits other) const {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(value_, other.value_, &sum)) return std::nullopt;
    return Credits(sum);
  }
  [[nodiscard]] std::optional<Credits> minus(Credits other) const {
    std::int64_t difference = 0;
    if (__builtin_sub_overflow(value_, other.value_, &difference)) return std::nullopt;
    return Credits(difference);
  }
  constexpr auto operator<=>(const Credits&) const = default;

 private:
  explicit constexpr Credits(std::int64_t value) : value_(value) {}
  std::int64_t value_ = 0;
};

// Every amount and limit satisfies |x| <= 2^53-1 (jq and JavaScript round above); a balance stays within ±2^62.
constexpr std::int64_t max_amount = (std::int64_t{1} << 53) - 1;
constexpr std::int64_t max_balance = std::int64_t{1} << 62;
constexpr std::int64_t max_credits_per_usd = 1'000'000'000;

// USD as a decimal string with up to 8 decimals on the wire ("0.00015"), an integer number of 10^-8 USD inside.
class Price {
 public:
  constexpr Price() = default;
  static constexpr Price of_e8(std::int64_t e8) {
    Price price;
    price.e8_ = e8;
    return price;
  }
  static Result<Price> parse(std::string_view text);  // not negative, at most 1,000,000 USD
  [[nodiscard]] constexpr std::int64_t e8() const { return e8_; }
  [[nodiscard]] std::string text() const;  // shortest: "0.00015", "2", "0"
  constexpr auto operator<=>(const Price&) const = default;

 private:
  std::int64_t e8_ = 0;
};

// A sum of quantity x price / unit, exact. unit is 1, 1,000 or 1,000,000.
class Cost {
 public:
  // quantity 0 to 10^12. False, and nothing added, when an argument is out of its range.
  [[nodiscard]] bool add(std::int64_t quantity, Price price, std::int64_t unit);
  [[nodiscard]] bool add(const Cost& other);
  [[nodiscard]] bool zero() const { return e14_ == 0; }
  // ceil(cost x credits_per_usd), once. Empty when over 2^53-1.
  [[nodiscard]] std::optional<Credits> credits(std::int64_t credits_per_usd) const;
  [[nodiscard]] std::string usd() const;  // exact, shortest: "0.000025"
  static std::optional<Cost> parse_usd(std::string_view text);
  // What so many credits stand for, rounded down to 10^-14 USD; for charges that follow from a hold, not from
  // usage.
  static Cost of_credits(Credits credits, std::int64_t credits_per_usd);
  auto operator<=>(const Cost&) const = default;

 private:
  Int128 e14_ = 0;
};

constexpr std::int64_t max_quantity = 1'000'000'000'000;

// A USD limit in credits, rounded down: a limit of 50 USD never lets more than 50 USD pass.
Result<Credits> limit_in_credits(std::string_view usd, std::int64_t credits_per_usd);

}  // namespace govctl
