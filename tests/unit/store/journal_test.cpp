#include "daemon/store/journal.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <latch>

#include "faults.h"
#include "fixture.h"

using namespace govctl;
using namespace govctl::store;
using namespace govctl::store::test;

namespace {

const OrgId some_org = OrgId::mint(7);

std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void spew(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary);
  out << bytes;
}

std::vector<std::string> read(const std::string& path) {
  auto frames = Journal::read(path, some_org);
  REQUIRE(frames);
  return *frames;
}

// A disk under a journal that fails as the test says.
struct Faults {
  std::atomic<bool> no_room = false, sync_fails = false;
};
class FaultyBlocks final : public BlockFile {
 public:
  FaultyBlocks(std::shared_ptr<Faults> faults, std::unique_ptr<BlockFile> real)
      : faults_(std::move(faults)), real_(std::move(real)) {}
  Result<void> write(std::uint64_t offset, std::span<const char> bytes) override {
    if (faults_->no_room) return fail(Code::unavailable, "no room");
    return real_->write(offset, bytes);
  }
  Result<void> sync() override {
    return faults_->sync_fails ? Result<void>(fail(Code::internal, "sync failed")) : real_->sync();
  }

 private:
  std::shared_ptr<Faults> faults_;
  std::unique_ptr<BlockFile> real_;
};
WriterOptions faulty_options(const std::shared_ptr<Faults>& faults) {
  auto options = plain_options();
  options.make_journal = [faults](const std::string& path,
                                  std::uint64_t bytes) -> Result<std::unique_ptr<BlockFile>> {
    auto real = make_block_file(path, bytes);
    if (!real) return std::unexpected(real.error());
    return std::make_unique<FaultyBlocks>(faults, std::move(*real));
  };
  return options;
}

// Keeps the writer's thread busy, so that what calls record stays in the journal.
class Busy {
 public:
  explicit Busy(OrgFile& org) {
    auto work = [entered = entered_, go = go_](Transaction&) -> Result<void> {
      entered->count_down();
      go->wait();
      return {};
    };
    org.writers->submit(*org.file, Queue::settle, std::move(work), {});
    entered_->wait();
  }
  ~Busy() { go_->count_down(); }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  // The writer's thread may still look at them when this is gone.
  std::shared_ptr<std::latch> entered_ = std::make_shared<std::latch>(1), go_ = std::make_shared<std::latch>(1);
};

Settled settled(const domain::Reservation& held, std::int64_t credits, OrgFile& org) {
  return {std::make_shared<const domain::UsageEvent>(event_of(held, credits, org.clock.now())), org.group};
}

// The files as a power cut would leave them now, opened by a second daemon.
struct AfterCut {
  explicit AfterCut(const OrgFile& org) : path(scratch.file("org.db")) {
    for (const char* const suffix : {"", "-wal", ".calls"}) {
      if (std::filesystem::exists(org.path + suffix)) std::filesystem::copy(org.path + suffix, path + suffix);
    }
  }
  Result<std::shared_ptr<File>> open(const OrgId& org) {
    writers = std::make_unique<Writers>(plain_options(), clock, [](const Error&) {});
    return writers->open(path, FileKind::org, org);
  }
  Scratch scratch;
  HandClock clock;
  std::string path;
  std::unique_ptr<Writers> writers;
};

}  // namespace

TEST_CASE("a journal gives back its frames, oldest first, and only those of its last two segments") {
  const Scratch scratch;
  const std::string path = scratch.file("a.calls");
  CHECK(read(path).empty());
  Journal journal(path, some_org, 4 * block_bytes, make_block_file);
  // Three frames fill a segment.
  const std::string large(block_bytes - 100, 'x');
  for (std::uint64_t i = 1; i <= 3; ++i) {
    CHECK(journal.overwrites(large.size()) == 0);
    REQUIRE(journal.append(std::to_string(i) + large) == i);
  }
  CHECK(read(path).size() == 3);
  REQUIRE(journal.append("4" + large) == 4);
  REQUIRE(journal.append("5" + large) == 5);
  REQUIRE(journal.append("6" + large) == 6);
  CHECK(journal.overwrites(1) == 3);  // the seventh goes where 1 to 3 stand
  REQUIRE(journal.append("7") == 7);
  std::string order;
  for (const auto& frame : read(path)) order += frame.front();
  CHECK(order == "4567");
  struct stat facts{};
  REQUIRE(::stat(path.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0600);
  REQUIRE(journal.remove());
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK(read(path).empty());
  REQUIRE(journal.append("8"));
  CHECK(read(path) == std::vector<std::string>{"8"});
}

TEST_CASE("a frame that was torn is not there, and those before it are") {
  const Scratch scratch;
  const std::string path = scratch.file("a.calls");
  {
    Journal journal(path, some_org, 8 * block_bytes, make_block_file);
    REQUIRE(journal.append("first"));
    REQUIRE(journal.append(std::string(5'000, 's')));  // two blocks
    REQUIRE(journal.append("third"));
  }
  const std::string whole = slurp(path);
  const std::size_t segment = 8 * block_bytes;  // the first generation is 1, in the second half
  const auto spoil = [&](std::size_t at, const std::string& bytes) {
    std::string torn = whole;
    torn.replace(at, bytes.size(), bytes);
    spew(path, torn);
  };
  const auto frames_with = [&](std::size_t at, const std::string& bytes) {
    spoil(at, bytes);
    return read(path).size();
  };
  // Nothing is written behind a frame that failed: what is broken and has a whole one behind it was promised.
  const auto damaged_with = [&](std::size_t at, const std::string& bytes) {
    spoil(at, bytes);
    const auto frames = Journal::read(path, some_org);
    return !frames && frames.error().code == Code::corrupt;
  };
  CHECK(frames_with(0, "") == 3);
  CHECK(frames_with(segment + 4 * block_bytes + 26, "X") == 2);                    // the third's payload
  CHECK(damaged_with(segment + 3 * block_bytes, std::string(block_bytes, '\0')));  // half of the second
  CHECK(damaged_with(segment + 2 * block_bytes + 4, "\xff\xff\xff\x7f"));          // its length
  CHECK(damaged_with(segment + block_bytes, std::string(block_bytes, '\0')));      // the first
  CHECK(frames_with(segment, std::string(block_bytes, '\0')) == 0);                // the segment's head
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, block_bytes, segment, segment + 100}) {
    spew(path, whole.substr(0, bytes));
    CHECK(read(path).empty());
  }
}

namespace {

// Shows after each write every disk on which one of the blocks that are not synced yet is there and the others
// are not: what a power cut may leave.
class CutBlocks final : public BlockFile {
 public:
  CutBlocks(std::uint64_t bytes, std::function<void(const std::string&)> look)
      : synced_(bytes, '\0'), now_(synced_), look_(std::move(look)) {}
  Result<void> write(std::uint64_t offset, std::span<const char> bytes) override {
    now_.replace(offset, bytes.size(), bytes.data(), bytes.size());
    for (std::size_t at = 0; at < now_.size(); at += block_bytes) {
      if (now_.compare(at, block_bytes, synced_, at, block_bytes) == 0) continue;
      std::string cut = synced_;
      look_(cut.replace(at, block_bytes, now_, at, block_bytes));
    }
    return {};
  }
  Result<void> sync() override {
    synced_ = now_;
    return {};
  }

 private:
  std::string synced_, now_;
  std::function<void(const std::string&)> look_;
};

}  // namespace

TEST_CASE("a power cut while a segment is filled anew leaves a journal that can be read") {
  const Scratch scratch;
  const std::string path = scratch.file("a.calls");
  std::size_t cuts = 0;
  std::uint64_t promised = 0;
  const auto look = [&](const std::string& disk) {
    ++cuts;
    spew(path, disk);
    const auto frames = Journal::read(path, some_org);
    INFO("after frame " << promised);
    REQUIRE(frames);
    const auto last = std::to_string(promised);
    const bool there = std::ranges::any_of(*frames, [&](const auto& frame) { return frame.starts_with(last); });
    CHECK(there == (promised > 0));
  };
  const auto make = [&](const std::string&, std::uint64_t bytes) -> Result<std::unique_ptr<BlockFile>> {
    return std::make_unique<CutBlocks>(bytes, look);
  };
  Journal journal(path, some_org, 4 * block_bytes, make);
  for (int i = 1; i <= 20; ++i) {
    REQUIRE(journal.append(std::to_string(i) + std::string(i % 4 == 0 ? block_bytes : 100, 'x')));
    promised = static_cast<std::uint64_t>(i);
  }
  CHECK(cuts > 20);
}

TEST_CASE("a record larger than the journal is refused, and nothing is overwritten") {
  const Scratch scratch;
  Journal journal(scratch.file("a.calls"), some_org, 4 * block_bytes, make_block_file);
  REQUIRE(journal.append("first"));
  const auto refused = journal.append(std::string(journal.capacity() + 1, 'x'));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::unavailable);
  REQUIRE(journal.append(std::string(journal.capacity(), 'x')));
  CHECK(read(scratch.file("a.calls")).size() == 2);
}

TEST_CASE("a journal that cannot be made refuses calls and stops nothing") {
  auto options = plain_options();
  options.make_journal = [](const std::string& path, std::uint64_t bytes) {
    return make_block_file(path + "/there/is/no/such/directory", bytes);
  };
  OrgFile org(options);
  const auto refused = org.record(Reserved{reservation_of(org.scope, org.clock.now()), {}, {}});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::unavailable);
  CHECK(org.fatal_calls == 0);
}

TEST_CASE("a journal of another version of govd is told before the database is touched") {
  OrgFile org;
  AfterCut cut(org);
  Journal journal(cut.path + ".calls", org.org, 4 * block_bytes, make_block_file);
  REQUIRE(journal.append(std::string("\x63\0", 2)));
  SQLite::Database(cut.path, SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 1");
  const auto opened = cut.open(org.org);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == Code::conflict);
  CHECK(number(cut.path, "PRAGMA user_version") == 1);
}

TEST_CASE("another organization's journal is not taken for one's own") {
  const Scratch scratch;
  const std::string path = scratch.file("a.calls");
  Journal journal(path, OrgId::mint(9), 4 * block_bytes, make_block_file);
  REQUIRE(journal.append("x"));
  const auto frames = Journal::read(path, some_org);
  REQUIRE_FALSE(frames);
  CHECK(frames.error().code == Code::corrupt);
}

TEST_CASE("a record comes back from its bytes as it was, and no part of them is taken for a record") {
  const HandClock clock;
  auto held = reservation_of(some_scope(some_org), clock.now());
  held.reserved = Credits::of(9'007'199'254'740'991);
  held.rules_id = -42;
  auto event = event_of(held, 9, clock.now());
  event.error_message = std::string("a\0b", 3);
  event.decision.clear();
  std::string bytes;
  encode(Reserved{held, R"({"rpm":1})"}, bytes);
  const std::size_t first = bytes.size();
  encode(Settled{std::make_shared<const domain::UsageEvent>(event), BillingGroupId::mint(3)}, bytes);
  const std::size_t second = bytes.size();
  event.first_byte_ms.reset();
  encode(Refused{std::make_shared<const domain::UsageEvent>(event), {}}, bytes);
  const std::size_t third = bytes.size();
  encode(Extended{held.request_id, Credits::of(77)}, bytes);

  const auto records = decode_calls(bytes);
  REQUIRE(records);
  REQUIRE(records->size() == 4);
  CHECK(std::get<Extended>((*records)[3]).request_id == held.request_id);
  CHECK(std::get<Extended>((*records)[3]).reserved.value() == 77);
  const auto& reserved = std::get<Reserved>((*records)[0]);
  CHECK(reserved.rules == R"({"rpm":1})");
  CHECK(reserved.reservation.reserved.value() == 9'007'199'254'740'991);
  CHECK(reserved.reservation.rules_id == -42);
  CHECK(reserved.reservation.scope == held.scope);
  const auto& done = std::get<Settled>((*records)[1]);
  CHECK(done.event->error_message == std::string("a\0b", 3));
  CHECK(done.event->usage == event.usage);
  CHECK(done.event->first_byte_ms == 30);
  CHECK_FALSE(std::get<Refused>((*records)[2]).event->first_byte_ms);
  // Every field, by writing it once more.
  std::string again;
  for (const auto& record : *records) encode(record, again);
  CHECK(again == bytes);

  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    if (cut == first || cut == second || cut == third) continue;
    INFO(cut);
    REQUIRE_FALSE(decode_calls(std::string_view(bytes).substr(0, cut)));
  }
  bytes[0] = 99;
  CHECK(decode_calls(bytes).error().code == Code::conflict);
}

TEST_CASE("what a caller was told is there after a power cut, though SQLite never saw it") {
  OrgFile org;
  const auto open = reservation_of(org.scope, org.clock.now());
  const auto over = reservation_of(org.scope, org.clock.now());
  const auto refused = reservation_of(org.scope, org.clock.now());
  std::optional<AfterCut> cut;
  {
    const Busy busy(org);
    REQUIRE(org.record(Reserved{open, "{}"}));
    REQUIRE(org.record(Reserved{over, {}}));
    REQUIRE(org.record(settled(over, 12, org)));
    REQUIRE(org.record(Refused{settled(refused, 0, org).event, {}}));
    CHECK(number(org.path, "SELECT count(*) FROM usage_events") == 0);
    CHECK(org.writers->behind(*org.file));
    cut.emplace(org);
  }
  for (int starts = 0; starts < 2; ++starts) {
    REQUIRE(cut->open(org.org));
    CHECK(number(cut->path, "SELECT count(*) FROM usage_events") == 2);
    CHECK(number(cut->path, "SELECT sum(amount) FROM ledger") == -12);
    CHECK(number(cut->path, "SELECT count(*) FROM reservations") == 1);
    CHECK(number(cut->path, "SELECT count(*) FROM rule_snapshots") == 1);
    CHECK_FALSE(std::filesystem::exists(cut->path + ".calls"));
  }
  // And here, where nothing was cut.
  REQUIRE(org.catch_up());
  CHECK_FALSE(org.writers->behind(*org.file));
  CHECK(number(org.path, "SELECT count(*) FROM usage_events") == 2);
  CHECK(org.verify().ok());
}

TEST_CASE("what more a call holds is there after a power cut, wherever its reservation is") {
  OrgFile org;
  const auto row = reservation_of(org.scope, org.clock.now());
  const auto open = reservation_of(org.scope, org.clock.now());
  const auto over = reservation_of(org.scope, org.clock.now());
  REQUIRE(org.reserve(row));
  std::optional<AfterCut> cut;
  {
    const Busy busy(org);
    REQUIRE(org.record(Extended{row.request_id, Credits::of(5'000)}));
    REQUIRE(org.record(Extended{row.request_id, Credits::of(7'000)}));
    REQUIRE(org.record(Reserved{open, {}}));
    REQUIRE(org.record(Extended{open.request_id, Credits::of(6'000)}));
    REQUIRE(org.record(Reserved{over, {}}));
    REQUIRE(org.record(Extended{over.request_id, Credits::of(9'000)}));
    REQUIRE(org.record(settled(over, 12, org)));
    cut.emplace(org);
  }
  REQUIRE(org.catch_up());
  for (int starts = 0; starts < 2; ++starts) {
    REQUIRE(cut->open(org.org));
    for (const std::string& path : {cut->path, org.path}) {
      CHECK(number(path, "SELECT count(*) FROM reservations") == 2);
      CHECK(number(path, "SELECT min(reserved) FROM reservations") == 6'000);
      CHECK(number(path, "SELECT max(reserved) FROM reservations") == 7'000);
      CHECK(number(path, "SELECT count(*) FROM usage_events") == 1);
    }
  }
  // A journal that is read again: the row has it, or is gone.
  REQUIRE(org.settle(event_of(row, 5, org.clock.now())));
  AfterCut again(org);
  REQUIRE(again.open(org.org));
  CHECK(number(again.path, "SELECT count(*) FROM reservations") == 1);
  CHECK(number(again.path, "SELECT max(reserved) FROM reservations") == 6'000);
}

TEST_CASE("a journal of the version before is brought in") {
  OrgFile org;
  const auto held = reservation_of(org.scope, org.clock.now());
  std::string bytes;
  encode(Reserved{held, {}}, bytes);
  bytes[0] = 2;
  const auto records = decode_calls(bytes);
  REQUIRE(records);
  CHECK(std::get<Reserved>(records->front()).reservation.reserved == held.reserved);
}

TEST_CASE("a journal whose records SQLite has already changes nothing when it is read again") {
  OrgFile org;
  const auto open = reservation_of(org.scope, org.clock.now());
  REQUIRE(org.reserve(open));
  org.call(5);
  AfterCut cut(org);
  REQUIRE(std::filesystem::exists(cut.path + ".calls"));
  REQUIRE(cut.open(org.org));
  CHECK(number(cut.path, "SELECT count(*) FROM usage_events") == 1);
  CHECK(number(cut.path, "SELECT sum(amount) FROM ledger") == -5);
  CHECK(number(cut.path, "SELECT count(*) FROM reservations") == 1);
}

TEST_CASE("a call's records become rows by themselves, in order, and before what is asked for later") {
  OrgFile org;
  const auto held = reservation_of(org.scope, org.clock.now());
  REQUIRE(org.record(Reserved{held, {}}));
  REQUIRE(org.record(settled(held, 12, org)));
  // A refund looks for the call.
  std::int64_t seen = 0;
  REQUIRE(org.run([&](Transaction& tx) -> Result<void> {
    auto event = find_event(tx.connection(), held.request_id);
    seen = event && *event ? (*event)->seq : 0;
    return {};
  }));
  CHECK(seen == 1);
  const auto later = reservation_of(org.scope, org.clock.now());
  REQUIRE(org.record(Reserved{later, {}}));
  for (int i = 0; i < 2'000 && org.writers->behind(*org.file); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(number(org.path, "SELECT count(*) FROM reservations") == 1);
}

TEST_CASE("a journal smaller than its calls is filled again and again, and none is lost") {
  auto options = plain_options();
  options.journal_segment_bytes = 4 * block_bytes;
  OrgFile org(options);
  std::latch all(400);
  std::atomic<int> failed = 0;
  for (int i = 0; i < 400; ++i) {
    const auto held = reservation_of(org.scope, org.clock.now());
    org.writers->submit_call(*org.file, Reserved{held, {}}, [&, held](Result<void> reserved) {
      if (!reserved) ++failed;
      org.writers->submit_call(*org.file, settled(held, 1, org), [&](Result<void> done) {
        if (!done) ++failed;
        all.count_down();
      });
    });
  }
  all.wait();
  CHECK(failed == 0);
  REQUIRE(org.catch_up());
  CHECK(number(org.path, "SELECT count(*) FROM usage_events") == 400);
  CHECK(number(org.path, "SELECT sum(amount) FROM ledger") == -400);
  CHECK(number(org.path, "SELECT count(*) FROM reservations") == 0);
  CHECK(org.verify().ok());
}

TEST_CASE("a record that is made durable twice is a row once, and what came with it is written") {
  OrgFile org;
  const auto held = reservation_of(org.scope, org.clock.now());
  REQUIRE(org.record(Reserved{held, {}}));
  REQUIRE(org.record(settled(held, 12, org)));
  REQUIRE(org.catch_up());
  {
    const Busy busy(org);
    REQUIRE(org.record(settled(held, 12, org)));
    const auto other = reservation_of(org.scope, org.clock.now());
    REQUIRE(org.record(Reserved{other, {}}));
    REQUIRE(org.record(settled(other, 3, org)));
  }
  REQUIRE(org.catch_up());
  CHECK(number(org.path, "SELECT count(*) FROM usage_events") == 2);
  CHECK(number(org.path, "SELECT sum(amount) FROM ledger") == -15);
  CHECK(org.verify().ok());
  CHECK(org.fatal_calls == 0);
}

TEST_CASE("a journal without room refuses, and takes calls again when there is some") {
  const auto faults = std::make_shared<Faults>();
  OrgFile org(faulty_options(faults));
  org.call(1);
  faults->no_room = true;
  const auto refused = org.reserve(reservation_of(org.scope, org.clock.now()));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::unavailable);
  faults->no_room = false;
  org.call(1);
  CHECK(number(org.path, "SELECT count(*) FROM reservations") == 0);
  CHECK(org.fatal_calls == 0);
}

TEST_CASE("a sync of the journal that fails stops the daemon, and nobody is told that it was written") {
  const auto faults = std::make_shared<Faults>();
  OrgFile org(faulty_options(faults));
  org.call(1);
  faults->sync_fails = true;
  CHECK_FALSE(org.record(Reserved{reservation_of(org.scope, org.clock.now()), {}}));
  CHECK(org.fatal_calls == 1);
  CHECK_FALSE(org.record(Reserved{reservation_of(org.scope, org.clock.now()), {}}));
}

TEST_CASE("settlements are promised while SQLite has no room, and become rows when there is some") {
  FaultyDisk disk;
  OrgFile org;
  const auto held = reservation_of(org.scope, org.clock.now());
  REQUIRE(org.reserve(held));
  disk.faults().disk_full = true;
  REQUIRE(org.record(settled(held, 12, org)));
  CHECK_FALSE(org.catch_up());
  CHECK(number(org.path, "SELECT count(*) FROM usage_events") == 0);
  SECTION("in this run") {
    disk.faults().disk_full = false;
    REQUIRE(org.catch_up());
  }
  SECTION("in the next one") {
    org.close();
    disk.faults().disk_full = false;
    org.open();
  }
  CHECK(number(org.path, "SELECT count(*) FROM usage_events") == 1);
  CHECK(number(org.path, "SELECT sum(amount) FROM ledger") == -12);
  CHECK(number(org.path, "SELECT count(*) FROM reservations") == 0);
  CHECK(org.fatal_calls == 0);
}

TEST_CASE("a file that is closed leaves no journal") {
  OrgFile org;
  org.call(1);
  CHECK(std::filesystem::exists(org.path + ".calls"));
  org.close();
  CHECK_FALSE(std::filesystem::exists(org.path + ".calls"));
}
