#include "common/clock.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>

namespace govctl {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

std::string rfc3339(Timestamp at) {
  const std::chrono::sys_time<std::chrono::microseconds> time{std::chrono::microseconds{at.micros}};
  const auto day = std::chrono::floor<days>(time);
  const year_month_day date{day};
  const auto rest = (time - day).count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     rest / (3600 * micros_per_second), rest / (60 * micros_per_second) % 60,
                     rest / micros_per_second % 60, rest % micros_per_second);
}

namespace {
// Reads exactly `width` digits at `at`, which moves on.
std::optional<int> digits(std::string_view text, std::size_t& at, std::size_t width) {
  int value = 0;
  if (at + width > text.size()) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + width, value);
  if (error != std::errc{} || end != text.data() + at + width || text[at] == '-') return std::nullopt;
  at += width;
  return value;
}
bool literal(std::string_view text, std::size_t& at, char a, char b) {
  if (at >= text.size() || (text[at] != a && text[at] != b)) return false;
  ++at;
  return true;
}
}  // namespace

std::optional<Timestamp> parse_rfc3339(std::string_view text) {
  std::size_t at = 0;
  const auto year = digits(text, at, 4);
  if (!year || !literal(text, at, '-', '-')) return std::nullopt;
  const auto month = digits(text, at, 2);
  if (!month || !literal(text, at, '-', '-')) return std::nullopt;
  const auto day = digits(text, at, 2);
  if (!day || !literal(text, at, 'T', ' ')) return std::nullopt;
  const auto hour = digits(text, at, 2);
  if (!hour || *hour > 23 || !literal(text, at, ':', ':')) return std::nullopt;
  const auto minute = digits(text, at, 2);
  if (!minute || *minute > 59 || !literal(text, at, ':', ':')) return std::nullopt;
  const auto second = digits(text, at, 2);
  if (!second || *second > 60) return std::nullopt;
  std::int64_t micros = 0;
  if (at < text.size() && text[at] == '.') {
    ++at;
    std::int64_t scale = micros_per_second;
    const std::size_t start = at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
      scale /= 10;
      micros += (text[at] - '0') * scale;
    }
    if (at == start) return std::nullopt;
  }
  std::int64_t offset_minutes = 0;
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
    const int sign = text[at++] == '-' ? -1 : 1;
    const auto hours = digits(text, at, 2);
    if (!hours || *hours > 23 || !literal(text, at, ':', ':')) return std::nullopt;
    const auto minutes = digits(text, at, 2);
    if (!minutes || *minutes > 59) return std::nullopt;
    offset_minutes = std::int64_t{sign} * (*hours * 60 + *minutes);
  } else if (!literal(text, at, 'Z', 'z')) {
    return std::nullopt;
  }
  if (at != text.size()) return std::nullopt;
  const year_month_day date{std::chrono::year{*year}, std::chrono::month{static_cast<unsigned>(*month)},
                            std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  const std::int64_t midnight = std::int64_t{sys_days{date}.time_since_epoch().count()} * 86400;
  const std::int64_t seconds =
      midnight + std::int64_t{*hour} * 3600 + std::int64_t{*minute} * 60 + *second - offset_minutes * 60;
  return Timestamp{seconds * micros_per_second + micros};
}

std::optional<std::int64_t> parse_duration(std::string_view text) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || count <= 0 || end + 1 != text.data() + text.size()) return std::nullopt;
  std::int64_t unit = 0;
  switch (*end) {
    case 's':
      unit = 1;
      break;
    case 'm':
      unit = 60;
      break;
    case 'h':
      unit = 3600;
      break;
    case 'd':
      unit = 86400;
      break;
    case 'w':
      unit = std::int64_t{7} * 86400;
      break;
    default:
      return std::nullopt;
  }
  unit *= micros_per_second;
  if (count > std::numeric_limits<std::int64_t>::max() / 4 / unit) return std::nullopt;
  return count * unit;
}

Timestamp SystemClock::now() const {
  return Timestamp{
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count()};
}

std::int64_t SystemClock::steady_micros() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace govctl
