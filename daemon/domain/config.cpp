#include "daemon/domain/config.h"

#include <algorithm>
#include <chrono>

namespace govctl::domain {
namespace {
constexpr std::array<std::string_view, 3> period_words{"DAILY", "MONTHLY", "TOTAL"};
constexpr std::array<std::string_view, 3> origin_words{"set", "imported", "shipped"};

using std::chrono::days;
using std::chrono::microseconds;
using std::chrono::sys_days;
using std::chrono::sys_time;
using std::chrono::year_month_day;

Timestamp at_midnight(sys_days day) {
  return Timestamp{sys_time<microseconds>{day}.time_since_epoch().count()};
}
sys_days day_of(Timestamp at) {
  return std::chrono::floor<days>(sys_time<microseconds>{microseconds{at.micros}});
}
}  // namespace

std::string_view period_word(Period period) { return period_words[static_cast<std::size_t>(period)]; }

std::optional<Period> parse_period(std::string_view word) {
  const auto* const found = std::ranges::find(period_words, word);
  if (found == period_words.end()) return std::nullopt;
  return static_cast<Period>(found - period_words.begin());
}

std::string_view price_origin_word(PriceOrigin origin) {
  return origin_words[static_cast<std::size_t>(origin)];
}

std::optional<PriceOrigin> parse_price_origin(std::string_view word) {
  const auto* const found = std::ranges::find(origin_words, word);
  if (found == origin_words.end()) return std::nullopt;
  return static_cast<PriceOrigin>(found - origin_words.begin());
}

Timestamp period_start(Period period, Timestamp at) {
  switch (period) {
    case Period::daily:
      return at_midnight(day_of(at));
    case Period::monthly: {
      const year_month_day date{day_of(at)};
      return at_midnight(sys_days{date.year() / date.month() / 1});
    }
    case Period::total:
      break;
  }
  return Timestamp{0};
}

std::optional<Timestamp> period_end(Period period, Timestamp at) {
  switch (period) {
    case Period::daily:
      return at_midnight(day_of(at) + days{1});
    case Period::monthly: {
      const year_month_day date{day_of(at)};
      return at_midnight(sys_days{(date.year() / date.month() + std::chrono::months{1}) / 1});
    }
    case Period::total:
      break;
  }
  return std::nullopt;
}

}  // namespace govctl::domain
