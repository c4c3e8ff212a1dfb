#include "daemon/domain/usage.h"

namespace govctl::domain {
namespace {

constexpr std::array<std::string_view, price_kind_count> words{
    "input",    "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning",
    "audio_in", "audio_out",  "image",          "request",        "search"};

}  // namespace

std::string_view price_kind_word(PriceKind kind) { return words[static_cast<std::size_t>(kind)]; }

std::optional<PriceKind> parse_price_kind(std::string_view word) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == word) return static_cast<PriceKind>(i);
  }
  return std::nullopt;
}

}  // namespace govctl::domain
