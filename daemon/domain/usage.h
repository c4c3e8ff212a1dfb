#pragma once
// What a call used, in disjoint kinds: a token is in exactly one of them (30-ledger.md "Usage").

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace govctl::domain {

enum class PriceKind : std::uint8_t {
  input,
  cache_read,
  cache_write_5m,
  cache_write_1h,
  output,
  reasoning,
  audio_in,
  audio_out,
  image,
  request,
  search,
};
constexpr std::size_t price_kind_count = 11;

std::string_view price_kind_word(PriceKind kind);
std::optional<PriceKind> parse_price_kind(std::string_view word);

// Quantities by kind; never negative.
struct Usage {
  std::array<std::int64_t, price_kind_count> quantity{};

  std::int64_t& operator[](PriceKind kind) { return quantity[static_cast<std::size_t>(kind)]; }
  std::int64_t operator[](PriceKind kind) const { return quantity[static_cast<std::size_t>(kind)]; }
  // Tokens that went in, cached or not; and that came out, shown or not.
  [[nodiscard]] std::int64_t input_tokens() const {
    return (*this)[PriceKind::input] + (*this)[PriceKind::cache_read] + (*this)[PriceKind::cache_write_5m] +
           (*this)[PriceKind::cache_write_1h] + (*this)[PriceKind::audio_in];
  }
  [[nodiscard]] std::int64_t output_tokens() const {
    return (*this)[PriceKind::output] + (*this)[PriceKind::reasoning] + (*this)[PriceKind::audio_out];
  }
  bool operator==(const Usage&) const = default;
};

}  // namespace govctl::domain
