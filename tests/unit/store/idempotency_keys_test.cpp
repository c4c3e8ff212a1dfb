#include "daemon/store/idempotency_keys.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

using namespace govctl;
using namespace govctl::store;
using namespace govctl::store::test;

namespace {

const domain::Hash fingerprint = domain::sha256(std::string_view("POST /v1/chat/completions"));

Reserved with_key(const domain::Reservation& held, const std::string& value) {
  return {held, {}, value, fingerprint};
}
Settled ended(const domain::Reservation& held, const OrgFile& org, std::int64_t answered) {
  return {std::make_shared<const domain::UsageEvent>(event_of(held, 9, org.clock.now())), org.group, answered};
}
std::optional<IdempotencyKey> find(const OrgFile& org, const std::string& value) {
  auto found = find_idempotency_key(*org.reader(), org.scope.key, value);
  REQUIRE(found);
  return *found;
}

}  // namespace

TEST_CASE("a key comes with its call's reservation and learns how the call was answered") {
  OrgFile org;
  const auto held = reservation_of(org.scope, org.clock.now());
  REQUIRE(org.record(with_key(held, "k")));
  REQUIRE(org.catch_up());
  auto key = find(org, "k");
  REQUIRE(key);
  CHECK(key->request_id == held.request_id);
  CHECK(key->fingerprint == fingerprint);
  CHECK(key->status == 0);
  CHECK(key->created_at == held.created_at);
  REQUIRE(org.record(ended(held, org, 418)));
  REQUIRE(org.catch_up());
  CHECK(find(org, "k")->status == 418);
  CHECK_FALSE(find(org, "K"));
}

TEST_CASE("a call that begins and ends in one batch leaves its key, too") {
  OrgFile org;
  const auto held = reservation_of(org.scope, org.clock.now());
  REQUIRE(org.run([&](Transaction& tx) {
    const std::array<CallRecord, 2> records{with_key(held, "k"), ended(held, org, 200)};
    return apply_calls(tx, records, false);
  }));
  CHECK(find(org, "k")->status == 200);
  // What a crash brings in again changes nothing.
  REQUIRE(org.run([&](Transaction& tx) {
    const std::array<CallRecord, 1> records{with_key(held, "k")};
    return apply_calls(tx, records, true);
  }));
  CHECK(find(org, "k")->status == 200);
}

TEST_CASE("the journal's bytes carry the key") {
  const OrgId id = OrgId::mint(1);
  const auto held = reservation_of(some_scope(id), Timestamp{1'790'000'000'000'000});
  std::string bytes;
  encode(with_key(held, "a key"), bytes);
  encode(Reserved{held, "{}"}, bytes);
  const auto records = decode_calls(bytes);
  REQUIRE(records);
  REQUIRE(records->size() == 2);
  CHECK(std::get<Reserved>((*records)[0]).idempotency_key == "a key");
  CHECK(std::get<Reserved>((*records)[0]).fingerprint == fingerprint);
  CHECK(std::get<Reserved>((*records)[1]).idempotency_key.empty());
  for (std::size_t cut = 1; cut < bytes.size() / 2; ++cut) CHECK_FALSE(decode_calls(bytes.substr(0, cut)));
}

TEST_CASE("kill -9: a key whose record was acknowledged is known") {
  const Scratch scratch;
  const OrgId id = OrgId::mint(1);
  const domain::Scope scope = some_scope(id);
  const std::string path = scratch.file("org.db");
  const HandClock clock;
  const auto held = reservation_of(scope, clock.now());
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    Writers writers(plain_options(), clock, [](const Error&) { ::_exit(3); });
    auto file = writers.open(path, FileKind::org, id);
    if (!file) ::_exit(2);
    writers.submit_call(**file, with_key(held, "k"), [](const Result<void>& done) {
      if (!done) ::_exit(5);
      ::kill(::getpid(), SIGKILL);
    });
    ::pause();
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
  Writers writers(plain_options(), clock, {});
  auto file = writers.open(path, FileKind::org, id);
  REQUIRE(file);
  auto reader = Connection::open(path, Access::read);
  REQUIRE(reader);
  const auto found = find_idempotency_key(**reader, scope.key, "k");
  REQUIRE(found);
  REQUIRE(*found);
  CHECK((*found)->request_id == held.request_id);
  writers.close(*file);
}

TEST_CASE("old keys go a few at a time, the oldest first") {
  OrgFile org;
  for (int i = 0; i < 5; ++i) {
    REQUIRE(org.record(with_key(reservation_of(org.scope, org.clock.now()), std::to_string(i))));
    org.clock.advance(day);
  }
  REQUIRE(org.catch_up());
  const auto sweep = [&](std::int64_t days) {
    std::optional<Timestamp> oldest;
    REQUIRE(org.run([&](Transaction& tx) -> Result<void> {
      auto left = sweep_idempotency_keys(tx, Timestamp{org.clock.now().micros - days * day}, 2);
      if (!left) return std::unexpected(left.error());
      oldest = *left;
      return {};
    }));
    return oldest;
  };
  // Made 5, 4, 3, 2 and 1 days ago.
  const auto left = sweep(2);
  REQUIRE(left);
  CHECK(left->micros == org.clock.now().micros - 3 * day);
  CHECK_FALSE(find(org, "1"));
  CHECK(find(org, "2"));
  CHECK(sweep(2)->micros == org.clock.now().micros - 2 * day);
  CHECK(sweep(2)->micros == org.clock.now().micros - 2 * day);
  CHECK_FALSE(sweep(0));
  const auto none = list_idempotency_keys(*org.reader(), Timestamp{}, 10);
  REQUIRE(none);
  CHECK(none->empty());
}
