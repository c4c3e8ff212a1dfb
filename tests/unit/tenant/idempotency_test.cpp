#include "daemon/tenant/idempotency.h"

#include <catch2/catch.hpp>

using namespace govctl;
using namespace govctl::tenant;

namespace {

constexpr std::int64_t hour = 3'600'000'000;
const KeyId agent_key = KeyId::mint(1);

store::IdempotencyKey wanted(const std::string& value, std::int64_t at = 100 * hour) {
  store::IdempotencyKey key;
  key.key = agent_key;
  key.value = value;
  key.request_id = RequestId::mint(at / 1000);
  key.created_at = Timestamp{at};
  return key;
}

}  // namespace

TEST_CASE("a key is one call's until the call is refused") {
  IdempotencyKeys keys;
  const auto first = wanted("k");
  CHECK_FALSE(keys.claim(first));
  const auto second = wanted("k");
  const auto had = keys.claim(second);
  REQUIRE(had);
  CHECK(had->request_id == first.request_id);
  CHECK(had->status == 0);
  keys.release(second);  // it never had it
  CHECK(keys.claim(second));
  keys.release(first);
  CHECK_FALSE(keys.claim(second));
  auto other = wanted("k");
  other.key = KeyId::mint(2);
  CHECK_FALSE(keys.claim(other));
}

TEST_CASE("a finished key stays taken, and not for longer than a day") {
  IdempotencyKeys keys;
  const auto first = wanted("k");
  keys.claim(first);
  keys.finish(agent_key, "k", first.request_id, 200);
  keys.release(first);
  CHECK(keys.claim(wanted("k", 124 * hour))->status == 200);
  CHECK_FALSE(keys.claim(wanted("k", 124 * hour + 1)));
}

TEST_CASE("a key whose call is still in flight after a day is not given away") {
  IdempotencyKeys keys;
  keys.claim(wanted("k"));
  CHECK(keys.claim(wanted("k", 200 * hour)));
}

TEST_CASE("what is remembered is bounded, and it is known that the file knows more") {
  IdempotencyKeys keys;
  const auto in_flight = wanted("in flight");
  keys.claim(in_flight);
  const auto finish = [&](int i) {
    const auto key = wanted(std::to_string(i));
    keys.claim(key);
    keys.finish(agent_key, key.value, key.request_id, 200);
  };
  for (int i = 0; i < 4096; ++i) finish(i);
  CHECK_FALSE(keys.forgetful());
  CHECK(keys.claim(wanted("0")));
  finish(4096);
  CHECK(keys.forgetful());
  CHECK(keys.claim(wanted("1")));
  CHECK(keys.claim(wanted("in flight")));
  const auto forgotten = wanted("0");
  CHECK_FALSE(keys.claim(forgotten));
  // The file knew it.
  auto stored = wanted("0");
  stored.status = 418;
  keys.correct(stored);
  keys.release(forgotten);
  CHECK(keys.claim(wanted("0"))->status == 418);
}

TEST_CASE("what the file holds is known from the start; more than memory takes is looked up") {
  std::vector<store::IdempotencyKey> rows;
  for (int i = 0; i < 4097; ++i) {
    rows.push_back(wanted(std::to_string(i), 100 * hour - i));
    rows.back().status = 200;
  }
  IdempotencyKeys keys;
  keys.load(rows, Timestamp{1});
  CHECK(keys.forgetful());
  CHECK(keys.claim(wanted("0"))->status == 200);
  CHECK(keys.claim(wanted("4095"))->status == 200);
  CHECK_FALSE(keys.claim(wanted("4096")));
}

TEST_CASE("sweeping is due when the oldest key is older than a day") {
  IdempotencyKeys keys;
  CHECK_FALSE(keys.sweep_due(Timestamp{1000 * hour}));
  keys.claim(wanted("k"));
  CHECK_FALSE(keys.sweep_due(Timestamp{124 * hour}));
  CHECK(keys.sweep_due(Timestamp{124 * hour + 1}));
  keys.swept(std::nullopt);
  CHECK_FALSE(keys.sweep_due(Timestamp{1000 * hour}));
}
