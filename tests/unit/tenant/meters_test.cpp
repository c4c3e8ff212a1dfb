#include "daemon/tenant/meters.h"

#include <catch2/catch.hpp>

using namespace govctl;
using namespace govctl::tenant;

namespace {
Timestamp at(const char* text) { return *parse_rfc3339(text); }
}  // namespace

TEST_CASE("a rate window holds sixty seconds") {
  RateWindow window;
  window.add(1000, 1, 10);
  window.add(1000, 1, 10);
  window.add(1030, 1, 5);
  CHECK(window.calls() == 3);
  CHECK(window.tokens() == 25);
  window.roll(1059);
  CHECK(window.calls() == 3);
  window.roll(1060);
  CHECK(window.calls() == 1);
  CHECK(window.tokens() == 5);
  window.roll(1089);
  CHECK(window.calls() == 1);
  window.roll(1090);
  CHECK(window.calls() == 0);
  CHECK(window.tokens() == 0);
}

TEST_CASE("a rate window works from its first second on, whatever that is") {
  for (const std::int64_t first :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{59}, std::int64_t{60}, std::int64_t{9'000'000'000}}) {
    INFO(first);
    RateWindow window;
    window.add(first, 1, 7);
    CHECK(window.calls() == 1);
    window.roll(first + 59);
    CHECK(window.calls() == 1);
    window.roll(first + 60);
    CHECK(window.calls() == 0);
  }
}

TEST_CASE("a rate window survives long silence and a clock that stands or steps back") {
  RateWindow window;
  window.add(100, 5, 50);
  window.roll(1'000'000'000);
  CHECK(window.calls() == 0);
  CHECK(window.tokens() == 0);
  window.add(1'000'000'000, 1, 1);
  window.roll(5);
  window.add(5, 1, 1);  // counts as now
  CHECK(window.calls() == 2);
  window.roll(1'000'000'059);
  CHECK(window.calls() == 2);
  window.roll(1'000'000'060);
  CHECK(window.calls() == 0);
}

TEST_CASE("what a call was counted with is corrected in its own second, while that is there") {
  RateWindow window;
  window.add(1000, 1, 100);
  window.add(1001, 1, 100);
  window.correct(1000, 0, -90);
  CHECK(window.tokens() == 110);
  window.roll(1060);
  CHECK(window.tokens() == 100);
  window.correct(1000, 0, -10);  // gone: nothing to correct
  CHECK(window.tokens() == 100);
  window.correct(1001, -1, -100);
  CHECK(window.calls() == 0);
  CHECK(window.tokens() == 0);
}

TEST_CASE("a rate window tells when enough has left it") {
  RateWindow window;
  window.add(1000, 2, 20);
  window.add(1010, 3, 30);
  window.roll(1020);
  CHECK(window.seconds_until_free(1, 0) == 40);
  CHECK(window.seconds_until_free(2, 0) == 40);
  CHECK(window.seconds_until_free(3, 0) == 50);
  CHECK(window.seconds_until_free(0, 21) == 50);
  CHECK(window.seconds_until_free(6, 0) == 60);  // more than there is
  CHECK(window.seconds_until_free(0, 0) == 1);
  window.roll(1059);
  CHECK(window.seconds_until_free(1, 0) == 1);
}

TEST_CASE("a new day, a new month, and a clock that steps back") {
  Meters meters;
  const domain::Scope scope{OrgId::mint(1), WorkspaceId::mint(1), AgentGroupId::mint(1), AgentId::mint(1),
                            KeyId::mint(1)};
  meters.roll(at("2026-01-31T23:00:00Z"));
  const MeterChain chain = meters.chain(scope);
  Meters::spend(chain, 10, 10, 10);
  meters.roll(at("2026-01-31T22:00:00Z"));
  CHECK(chain[0]->day == 10);
  meters.roll(at("2026-01-30T22:00:00Z"));  // a day back: nothing is reopened
  CHECK(chain[0]->day == 10);
  CHECK(meters.day_start() == at("2026-01-31T00:00:00Z"));
  CHECK(meters.charge_time(at("2026-01-30T22:00:00Z")).at == at("2026-01-31T00:00:00Z"));
  CHECK(meters.charge_time(at("2026-01-29T22:00:00Z")).at == at("2026-01-29T22:00:00Z"));
  CHECK(meters.charge_time(at("2026-01-29T22:00:00Z")).day == at("2026-01-31T00:00:00Z"));
  CHECK(meters.charge_time(at("2026-01-31T22:00:00Z")).at == at("2026-01-31T22:00:00Z"));
  meters.roll(at("2026-02-01T00:00:00Z"));
  for (const Meter* meter : chain) {
    CHECK(meter->day == 0);
    CHECK(meter->month == 0);
    CHECK(meter->total == 10);
  }
  Meters::spend(chain, 5, 5, 5);
  meters.roll(at("2026-02-02T00:00:00Z"));
  CHECK(chain[4]->day == 0);
  CHECK(chain[4]->month == 5);
  meters.roll(at("2027-02-02T00:00:00Z"));
  CHECK(chain[4]->month == 0);
  CHECK(chain[4]->total == 15);
}

TEST_CASE("a hold stands on every level until it is released") {
  Meters meters;
  const domain::Scope one{OrgId::mint(1), WorkspaceId::mint(1), AgentGroupId::mint(1), AgentId::mint(1),
                          KeyId::mint(1)};
  domain::Scope other = one;
  other.agent = AgentId::mint(1);
  other.key = KeyId::mint(1);
  const MeterChain a = meters.chain(one);
  const MeterChain b = meters.chain(other);
  meters.hold(a, Credits::of(7));
  meters.hold(b, Credits::of(5));
  CHECK(meters.held == 12);
  CHECK(meters.inflight == 2);
  CHECK(a[0]->held == 12);
  CHECK(a[2]->parallel == 2);
  CHECK(a[3]->held == 7);
  CHECK(b[4]->parallel == 1);
  meters.release(a, Credits::of(7));
  meters.release(b, Credits::of(5));
  for (std::size_t i = 0; i < level_count; ++i) {
    CHECK(a[i]->held == 0);
    CHECK(a[i]->parallel == 0);
    CHECK(b[i]->held == 0);
  }
  CHECK(meters.held == 0);
  CHECK(meters.inflight == 0);
}
