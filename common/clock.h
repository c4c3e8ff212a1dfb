#pragma once
// Time. Wall time is integer microseconds since 1970 UTC, everywhere: in memory, in SQLite, in JSON as RFC
// 3339.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace govctl {

struct Timestamp {
  std::int64_t micros = 0;
  auto operator<=>(const Timestamp&) const = default;
  [[nodiscard]] std::int64_t millis() const { return micros / 1000; }
};

constexpr std::int64_t micros_per_second = 1'000'000;

// "2026-11-21T09:30:00.123456Z"
std::string rfc3339(Timestamp at);
// Accepts what rfc3339() prints, with or without fraction, with Z or a numeric offset.
std::optional<Timestamp> parse_rfc3339(std::string_view text);
// "90s", "15m", "24h", "7d", "2w": a positive duration in microseconds.
std::optional<std::int64_t> parse_duration(std::string_view text);

// What tells the time. Tests own one that they can turn. Any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Timestamp now() const = 0;
  // Never steps back; for latencies, rate windows and waiting.
  [[nodiscard]] virtual std::int64_t steady_micros() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override;
  [[nodiscard]] std::int64_t steady_micros() const override;
};

}  // namespace govctl
