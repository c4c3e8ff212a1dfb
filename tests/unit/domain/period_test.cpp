#include <catch2/catch.hpp>

#include "daemon/domain/config.h"

using namespace govctl;
using namespace govctl::domain;

namespace {
Timestamp at(const char* text) { return *parse_rfc3339(text); }
}  // namespace

TEST_CASE("a day begins at 00:00 UTC and a month on its first") {
  struct Row {
    const char* now;
    const char* day;
    const char* tomorrow;
    const char* month;
    const char* next_month;
  };
  const Row table[] = {
      {"2026-11-21T09:30:00Z", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", "2026-11-01T00:00:00Z",
       "2026-12-01T00:00:00Z"},
      {"2026-01-31T23:59:59.999999Z", "2026-01-31T00:00:00Z", "2026-02-01T00:00:00Z", "2026-01-01T00:00:00Z",
       "2026-02-01T00:00:00Z"},
      {"2026-02-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z", "2026-02-01T00:00:00Z",
       "2026-03-01T00:00:00Z"},
      {"2024-02-29T12:00:00Z", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z", "2024-02-01T00:00:00Z",
       "2024-03-01T00:00:00Z"},
      {"2025-02-28T12:00:00Z", "2025-02-28T00:00:00Z", "2025-03-01T00:00:00Z", "2025-02-01T00:00:00Z",
       "2025-03-01T00:00:00Z"},
      {"2026-12-31T23:59:59Z", "2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z", "2026-12-01T00:00:00Z",
       "2027-01-01T00:00:00Z"},
      // The nights in which Europe's and America's clocks change are 24 hours long here.
      {"2026-03-29T01:30:00Z", "2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z", "2026-03-01T00:00:00Z",
       "2026-04-01T00:00:00Z"},
      {"2026-10-25T01:30:00Z", "2026-10-25T00:00:00Z", "2026-10-26T00:00:00Z", "2026-10-01T00:00:00Z",
       "2026-11-01T00:00:00Z"},
  };
  for (const Row& row : table) {
    INFO(row.now);
    CHECK(period_start(Period::daily, at(row.now)) == at(row.day));
    CHECK(period_end(Period::daily, at(row.now)) == at(row.tomorrow));
    CHECK(period_start(Period::monthly, at(row.now)) == at(row.month));
    CHECK(period_end(Period::monthly, at(row.now)) == at(row.next_month));
    CHECK(period_start(Period::total, at(row.now)) == Timestamp{0});
    CHECK_FALSE(period_end(Period::total, at(row.now)));
  }
}

TEST_CASE("an instant lies in its period, and the next one begins where it ends") {
  for (std::int64_t second = 1'700'000'000; second < 1'900'000'000; second += std::int64_t{86'399} * 7) {
    const Timestamp now{second * 1'000'000};
    for (const Period period : {Period::daily, Period::monthly}) {
      const Timestamp start = period_start(period, now);
      const Timestamp end = *period_end(period, now);
      REQUIRE(start <= now);
      REQUIRE(now < end);
      REQUIRE(period_start(period, end) == end);
      REQUIRE(period_start(period, Timestamp{end.micros - 1}) == start);
    }
  }
}

TEST_CASE("periods have words") {
  CHECK(parse_period("DAILY") == Period::daily);
  CHECK(parse_period("MONTHLY") == Period::monthly);
  CHECK(parse_period("TOTAL") == Period::total);
  CHECK_FALSE(parse_period("daily"));
  CHECK(period_word(Period::monthly) == "MONTHLY");
}
