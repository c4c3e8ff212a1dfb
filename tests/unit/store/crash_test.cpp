#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <random>
#include <semaphore>
#include <set>
#include <thread>

#include "fixture.h"

using namespace govctl;
using namespace govctl::store;
using namespace govctl::store::test;

namespace {

constexpr char reserved_mark = 'r';
constexpr char settled_mark = 's';

struct Note {
  char mark;
  Uuid request;
};

// Makes calls as fast as it can and notes each row on `pipe` the moment it is told that the row is written.
[[noreturn]] void storm(const std::string& path, const OrgId& org, int pipe) {
  const SystemClock clock;
  Writers writers(plain_options(), clock, [](const Error&) { ::_exit(3); });
  auto file = writers.open(path, FileKind::org, org);
  if (!file) ::_exit(2);
  const BillingGroupId group = BillingGroupId::mint(1);
  const domain::Scope scope = some_scope(org);
  const auto note = [pipe](char mark, const RequestId& request) {
    const Note line{mark, request.bytes};
    if (::write(pipe, &line, sizeof line) != sizeof line) ::_exit(4);
  };
  std::counting_semaphore<> slots(64);
  while (true) {
    slots.acquire();
    const auto held = reservation_of(scope, clock.now());
    writers.submit_call(**file, Reserved{held, {}}, [&, held](Result<void> reserved) {
      if (!reserved) ::_exit(5);
      note(reserved_mark, held.request_id);
      auto event = std::make_shared<const domain::UsageEvent>(event_of(held, 9, clock.now()));
      writers.submit_call(**file, Settled{std::move(event), group},
                          [&, id = held.request_id](Result<void> settled) {
                            if (!settled) ::_exit(6);
                            note(settled_mark, id);
                            slots.release();
                          });
    });
  }
}

}  // namespace

TEST_CASE("kill -9 in a write storm: what was acknowledged is there, once, and the chain holds") {
  const Scratch scratch;
  const OrgId org = OrgId::mint(1);
  const std::string path = scratch.file("org.db");
  std::mt19937 random(20'260'101);
  std::set<Uuid> reserved;
  std::set<Uuid> settled;
  for (int round = 0; round < 6; ++round) {
    std::array<int, 2> pipe{};
    REQUIRE(::pipe(pipe.data()) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(pipe[0]);
      storm(path, org, pipe[1]);
    }
    ::close(pipe[1]);
    // So many notes later, in the middle of whatever it does then.
    const int patience = std::uniform_int_distribution<int>(200, 2'000)(random);
    Note note{};
    int read = 0;
    while (::read(pipe[0], &note, sizeof note) == sizeof note) {
      (note.mark == settled_mark ? settled : reserved).insert(note.request);
      if (++read == patience) ::kill(child, SIGKILL);
    }
    ::close(pipe[0]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    REQUIRE(WTERMSIG(status) == SIGKILL);
  }

  const HandClock clock;
  Writers writers(plain_options(), clock, {});
  auto file = writers.open(path, FileKind::org, org);
  REQUIRE(file);
  auto reader = Connection::open(path, Access::read);
  REQUIRE(reader);
  auto report = verify_file(**reader, FileKind::org, org, scratch.path(), test_signer(), nullptr);
  REQUIRE(report);
  CHECK(report->ok());

  auto open = open_reservations(**reader);
  REQUIRE(open);
  std::set<Uuid> in_flight;
  for (const auto& reservation : *open) in_flight.insert(reservation.request_id.bytes);
  for (const Uuid& request : settled) {
    const auto event = find_event(**reader, RequestId{request});
    REQUIRE(event);
    REQUIRE(event->has_value());
    REQUIRE_FALSE(in_flight.contains(request));
  }
  for (const Uuid& request : reserved) {
    const bool there = in_flight.contains(request) || find_event(**reader, RequestId{request})->has_value();
    REQUIRE(there);
  }
  const std::int64_t entries = number(path, "SELECT count(*) FROM ledger");
  CHECK(entries >= static_cast<std::int64_t>(settled.size()));
  CHECK(entries == number(path, "SELECT count(*) FROM usage_events"));
  CHECK(ledger_sum(**reader, BillingGroupId{}).value() == Credits::of(0));
  CHECK(number(path, "SELECT sum(amount) FROM ledger") == -9 * entries);
}
