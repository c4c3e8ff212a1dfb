#include "faults.h"
#include "fixture.h"

using namespace govctl;
using namespace govctl::store;
using namespace govctl::store::test;

TEST_CASE("a failed sync or write stops the daemon: nobody is told that the row is there") {
  FaultyDisk disk;
  OrgFile org;
  org.call(5);
  const Heads before = org.writers->committed(*org.file);
  SECTION("sync") { disk.faults().sync_fails = true; }
  SECTION("write") { disk.faults().write_fails = true; }
  const auto held = reservation_of(org.scope, org.clock.now());
  const auto lost = org.reserve(held);
  REQUIRE_FALSE(lost);
  CHECK(lost.error().code == Code::unavailable);
  CHECK(org.fatal_calls == 1);
  CHECK(org.writers->committed(*org.file) == before);
  // Even when the disk seems to work again, and for settlements too: its state is not known.
  disk.faults().sync_fails = false;
  disk.faults().write_fails = false;
  const auto later = org.settle(event_of(held, 1, org.clock.now()));
  REQUIRE_FALSE(later);
  CHECK(later.error().code == Code::unavailable);
  CHECK(org.fatal_calls == 1);
  org.close();
  CHECK(org.verify().ok());
}

TEST_CASE("a disk that fills up at the commit refuses that batch, and serves again with room") {
  FaultyDisk disk;
  OrgFile org;
  const auto first = org.call(5);
  disk.faults().disk_full = true;
  const auto held = reservation_of(org.scope, org.clock.now());
  for (int i = 0; i < 3; ++i) {
    const auto refused = org.reserve(held);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::unavailable);
  }
  CHECK(org.fatal_calls == 0);
  disk.faults().disk_full = false;
  REQUIRE(org.reserve(held));
  REQUIRE(org.settle(event_of(held, 3, org.clock.now())));
  const Report report = org.verify();
  CHECK(report.ok());
  CHECK(of(report, domain::ChainTable::usage_events).rows == 2);
}
