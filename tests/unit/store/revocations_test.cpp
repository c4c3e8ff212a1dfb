#include "daemon/store/revocations.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/unit/store/fixture.h"

using namespace govctl;
using namespace govctl::store;
using govctl::store::test::Scratch;

TEST_CASE("the journal of revoked keys is read as it was appended, without a torn line") {
  const Scratch scratch;
  const std::string path = scratch.file("a.revoked");
  CHECK(read_revocations(path)->empty());
  const Revocation first{KeyId::mint(1), {1'790'000'000'000'000}, "leaked \"here\"\n"};
  const Revocation second{KeyId::mint(2), {1'790'000'000'000'001}, ""};
  REQUIRE(append_revocations(path, {first}));
  {
    std::ofstream(path, std::ios::app) << "{\"key\":\"torn";
  }
  REQUIRE(append_revocations(path, {second}));
  const auto all = read_revocations(path);
  REQUIRE(all);
  REQUIRE(all->size() == 2);
  CHECK(all->at(0).key == first.key);
  CHECK(all->at(0).reason == first.reason);
  CHECK(all->at(1).key == second.key);
  CHECK(all->at(1).at == second.at);
}

TEST_CASE("a key counts as revoked when it is, and when its agent is gone") {
  domain::OrgConfig before, now;
  for (int i = 0; i < 4; ++i) {
    domain::ApiKey key;
    key.id = KeyId::mint(i);
    if (i == 3) key.revoked_at = Timestamp{5};
    before.keys.push_back(key);
  }
  now.keys = before.keys;
  now.keys[1].revoked_at = Timestamp{7};
  now.keys[1].revoke_reason = "leaked";
  now.keys.erase(now.keys.begin() + 2);
  const auto revoked = revoked_between(before, now, Timestamp{9});
  REQUIRE(revoked.size() == 2);
  CHECK(revoked[0].key == before.keys[1].id);
  CHECK(revoked[0].at == Timestamp{7});
  CHECK(revoked[0].reason == "leaked");
  CHECK(revoked[1].key == before.keys[2].id);
  CHECK(revoked[1].at == Timestamp{9});
}

TEST_CASE("what the file has revoked and the journal lacks is appended at a start, once") {
  const Scratch scratch;
  const std::string path = scratch.file("a.revoked");
  domain::OrgConfig config;
  domain::ApiKey key;
  key.id = KeyId::mint(1);
  key.revoked_at = Timestamp{1'790'000'000'000'000};
  config.keys.push_back(key);
  REQUIRE(mend_revocations(path, config));
  REQUIRE(mend_revocations(path, config));
  CHECK(read_revocations(path)->size() == 1);
}
