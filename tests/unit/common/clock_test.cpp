#include "common/clock.h"

#include <catch2/catch.hpp>

using namespace govctl;

TEST_CASE("times are printed as RFC 3339 in UTC, with microseconds") {
  CHECK(rfc3339({0}) == "1970-01-01T00:00:00.000000Z");
  CHECK(rfc3339({1'795'253'400'123'456}) == "2026-11-21T09:30:00.123456Z");
  CHECK(rfc3339({1'709'164'800'000'000}) == "2024-02-29T00:00:00.000000Z");
  CHECK(rfc3339({-1}) == "1969-12-31T23:59:59.999999Z");
  CHECK(rfc3339({951'782'400'000'000}) == "2000-02-29T00:00:00.000000Z");
}

TEST_CASE("what is printed is read back") {
  for (const std::int64_t micros :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1'795'253'400'123'456},
        std::int64_t{1'709'251'199'999'999}, std::int64_t{253'402'300'799'999'999}}) {
    CHECK(parse_rfc3339(rfc3339({micros})) == Timestamp{micros});
  }
}

TEST_CASE("offsets and fractions are read") {
  CHECK(parse_rfc3339("2026-11-21T11:30:00+02:00") == parse_rfc3339("2026-11-21T09:30:00Z"));
  CHECK(parse_rfc3339("2026-11-21T00:00:00-05:30") == parse_rfc3339("2026-11-21T05:30:00Z"));
  CHECK(parse_rfc3339("2026-11-21 09:30:00z") == parse_rfc3339("2026-11-21T09:30:00Z"));
  CHECK(parse_rfc3339("2026-11-21T09:30:00.5Z")->micros % 1'000'000 == 500'000);
  CHECK(parse_rfc3339("2026-11-21T09:30:00.1234567Z")->micros % 1'000'000 == 123'456);
  CHECK(parse_rfc3339("2024-02-29T00:00:00Z"));
}

TEST_CASE("what is no time is refused") {
  for (const char* text : {"",
                           "2026-11-21",
                           "2026-11-21T09:30:00",
                           "2026-13-01T00:00:00Z",
                           "2026-00-01T00:00:00Z",
                           "2026-02-29T00:00:00Z",
                           "1900-02-29T00:00:00Z",
                           "2026-04-31T00:00:00Z",
                           "2026-11-21T24:00:00Z",
                           "2026-11-21T09:60:00Z",
                           "2026-11-21T09:30:61Z",
                           "2026-11-21T09:30:00.Z",
                           "2026-11-21T09:30:00ZZ",
                           "2026-11-21T09:30:00+2:00",
                           "2026-11-21T09:30:00+24:00",
                           "2026-11-21T09:30:00+02:60",
                           "26-11-21T09:30:00Z",
                           "-026-11-21T09:30:00Z",
                           "2026-11-21T-9:30:00Z",
                           "+026-11-21T09:30:00Z"}) {
    INFO(text);
    CHECK_FALSE(parse_rfc3339(text));
  }
}

TEST_CASE("durations") {
  CHECK(parse_duration("90s") == 90'000'000);
  CHECK(parse_duration("15m") == 900'000'000);
  CHECK(parse_duration("24h") == 86'400'000'000);
  CHECK(parse_duration("7d") == 604'800'000'000);
  CHECK(parse_duration("2w") == 1'209'600'000'000);
  for (const char* text : {"", "s", "0s", "-1s", "1", "1.5h", "1 h", "1hh", "1y", "+1s", "9223372036854775807w",
                           "9223372036854775808s", "99999999999w"}) {
    INFO(text);
    CHECK_FALSE(parse_duration(text));
  }
}
