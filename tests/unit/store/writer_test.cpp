#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <latch>
#include <mutex>
#include <thread>

#include "fixture.h"

using namespace govctl;
using namespace govctl::store;
using namespace govctl::store::test;

namespace {

// Holds the writer's thread inside an operation until it is let go, so that a queue builds up behind it.
class Gate {
 public:
  explicit Gate(OrgFile& file) {
    file.writers->submit(*file.file, Queue::settle,
                         [this](Transaction&) -> Result<void> {
                           entered_.count_down();
                           open_.wait();
                           return {};
                         },
                         {});
    entered_.wait();
  }
  void open() { open_.count_down(); }

 private:
  std::latch entered_{1}, open_{1};
};

// Collects what the callers of a number of operations are told.
class Answers {
 public:
  explicit Answers(std::size_t expected) : left_(static_cast<std::ptrdiff_t>(expected)), results_(expected) {}
  Done expect(std::size_t i) {
    return [this, i](Result<void> result) {
      results_[i] = std::move(result);
      left_.count_down();
    };
  }
  std::vector<Result<void>>& wait() {
    left_.wait();
    return results_;
  }

 private:
  std::latch left_;
  std::vector<Result<void>> results_;
};

Work audit_work(Timestamp at) {
  return [at](Transaction& tx) { return append_audit(tx, audit_of("agent.create", at)); };
}

void overwrite(const std::string& path, std::int64_t offset, const std::string& bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  REQUIRE(::pwrite(fd, bytes.data(), bytes.size(), offset) == static_cast<ssize_t>(bytes.size()));
  ::close(fd);
}

}  // namespace

TEST_CASE("what waits in a file's queue shares one commit") {
  OrgFile org;
  std::atomic<int> commits = 0;
  REQUIRE(org.run([&](Transaction& tx) -> Result<void> {
    sqlite3_commit_hook(
        tx.connection().database().getHandle(),
        [](void* counter) {
          ++*static_cast<std::atomic<int>*>(counter);
          return 0;
        },
        &commits);
    return {};
  }));
  commits = 0;
  Answers answers(200);
  Gate gate(org);
  for (std::size_t i = 0; i < 200; ++i) {
    org.writers->submit(*org.file, Queue::bounded, audit_work(org.clock.now()), answers.expect(i));
  }
  CHECK(org.writers->queued(*org.file) == 200);
  gate.open();
  for (const auto& result : answers.wait()) CHECK(result);
  CHECK(commits <= 2);  // the gate's own and one for all the others
  CHECK(org.writers->committed_heads(*org.file)[2].seq == 200);
}

TEST_CASE("a batch is at most as large as the options say") {
  auto options = plain_options();
  options.batch = 3;
  OrgFile org(options);
  Answers answers(10);
  Gate gate(org);
  for (std::size_t i = 0; i < 10; ++i) {
    org.writers->submit(*org.file, Queue::bounded, audit_work(org.clock.now()), answers.expect(i));
  }
  gate.open();
  for (const auto& result : answers.wait()) CHECK(result);
  CHECK(org.writers->queued(*org.file) == 0);
  CHECK(number(org.path, "SELECT count(*) FROM audit_logs") == 10);
}

TEST_CASE("an operation that fails fails alone, and leaves neither rows nor a gap in the chain") {
  const Queue queue = GENERATE(Queue::bounded, Queue::settle);  // in savepoints, and bare
  OrgFile org;
  Answers answers(9);
  Gate gate(org);
  for (std::size_t i = 0; i < 9; ++i) {
    org.writers->submit(
        *org.file, queue,
        [i, at = org.clock.now()](Transaction& tx) -> Result<void> {
          if (auto done = append_audit(tx, audit_of("agent.create", at)); !done) return done;
          if (i == 2) return fail(Code::policy_denied, "no");
          if (i == 4) throw std::runtime_error("a secret text");
          if (i == 6) {
            return guarded([&]() -> Result<void> {
              tx.connection().database().exec("INSERT INTO rule_snapshots(id, rules) VALUES (1, NULL)");
              return {};
            });
          }
          return {};
        },
        answers.expect(i));
  }
  gate.open();
  const auto& results = answers.wait();
  for (std::size_t i = 0; i < 9; ++i) CHECK(results[i].has_value() == (i != 2 && i != 4 && i != 6));
  CHECK(results[2].error().code == Code::policy_denied);
  CHECK(results[4].error().code == Code::internal);
  CHECK(results[4].error().message.find("secret") == std::string::npos);
  CHECK(results[6].error().code == Code::conflict);
  CHECK(org.writers->committed_heads(*org.file)[2].seq == 6);
  const Report report = org.verify();
  CHECK(report.ok());
  CHECK(of(report, domain::ChainTable::audit_logs).rows == 6);
}

TEST_CASE("a reference to a row that never comes fails its own operation, not the batch's commit") {
  OrgFile org;
  Answers answers(2);
  Gate gate(org);
  org.writers->submit(
      *org.file, Queue::bounded,
      [](Transaction& tx) {
        return guarded([&]() -> Result<void> {
          tx.connection().database().exec(
              "INSERT INTO billing_groups VALUES (x'01890000000070008000000000000001', "
              "x'01890000000070008000000000000002', 'main', 0)");
          return {};
        });
      },
      answers.expect(0));
  org.writers->submit(*org.file, Queue::bounded, audit_work(org.clock.now()), answers.expect(1));
  gate.open();
  const auto& results = answers.wait();
  REQUIRE_FALSE(results[0]);
  CHECK(results[0].error().code == Code::conflict);
  CHECK(results[1]);
  CHECK(number(org.path, "SELECT count(*) FROM billing_groups") == 0);
}

TEST_CASE("a caller is told only once its row is on disk for others to see") {
  OrgFile org;
  std::promise<std::int64_t> seen;
  org.writers->submit(*org.file, Queue::bounded, audit_work(org.clock.now()), [&](Result<void> result) {
    REQUIRE(result);
    seen.set_value(number(org.path, "SELECT count(*) FROM audit_logs"));
  });
  CHECK(seen.get_future().get() == 1);
}

TEST_CASE("a full queue refuses changes, never what was promised") {
  auto options = plain_options();
  options.queue_limit = 4;
  OrgFile org(options);
  Answers answers(10);
  Gate gate(org);
  for (std::size_t i = 0; i < 10; ++i) {
    const Queue queue = i < 7 ? Queue::bounded : Queue::settle;
    org.writers->submit(*org.file, queue, audit_work(org.clock.now()), answers.expect(i));
  }
  gate.open();
  const auto& results = answers.wait();
  for (std::size_t i = 0; i < 10; ++i) {
    INFO(i);
    const bool refused = i >= 4 && i < 7;
    CHECK(results[i].has_value() == !refused);
    if (refused) CHECK(results[i].error().code == Code::unavailable);
  }
}

TEST_CASE("what is queued is written before the writers end") {
  OrgFile org;
  std::atomic<int> told = 0;
  {
    Gate gate(org);
    for (int i = 0; i < 50; ++i) {
      org.writers->submit(*org.file, Queue::settle, audit_work(org.clock.now()),
                          [&](Result<void> result) { told += result ? 1 : 0; });
    }
    gate.open();
    org.writers.reset();
  }
  CHECK(told == 50);
  CHECK(number(org.path, "SELECT count(*) FROM audit_logs") == 50);
}

TEST_CASE("a closed file has an empty log, and its heads are found again") {
  OrgFile org;
  for (int i = 0; i < 5; ++i) org.call(7);
  org.audit("agent.create");
  REQUIRE(org.append(purchase_of(org.group, 1'000, "a", org.clock.now())));
  const Heads before = org.writers->committed(*org.file);
  CHECK(before.chain[0].seq == 6);
  CHECK(before.sum[0] == 1'000 - 35);
  CHECK(before.sum[1] == 35);
  std::shared_ptr<File> closed = org.file;
  org.close();
  CHECK(std::filesystem::file_size(org.path + "-wal") == 0);

  std::promise<Result<void>> late;
  org.writers->submit(
      *closed, Queue::settle, [](Transaction&) -> Result<void> { return {}; },
      [&](Result<void> result) { late.set_value(std::move(result)); });
  CHECK(late.get_future().get().error().code == Code::unavailable);

  org.open();
  CHECK(org.writers->committed(*org.file) == before);
  org.call(1);
  CHECK(org.verify().ok());
}

TEST_CASE("a long log is copied into the file while the daemon writes") {
  OrgFile org;
  const std::string text(100'000, 'x');
  for (int i = 0; i < 400; ++i) {
    REQUIRE(org.run([&](Transaction& tx) { return insert_rules(tx, i, text); }));
  }
  // 40 MB were written; without checkpoints all of it would still be in the log.
  CHECK(std::filesystem::file_size(org.path + "-wal") < 25'000'000);
  CHECK(number(org.path, "SELECT count(*) FROM rule_snapshots") == 400);
}

TEST_CASE("a full disk refuses the batch, and writing goes on once there is room") {
  OrgFile org;
  org.call(5);
  const auto set_limit = [&](const std::string& pages) {
    REQUIRE(org.run([&](Transaction& tx) -> Result<void> {
      tx.connection().prepare("PRAGMA max_page_count = " + pages).executeStep();
      return {};
    }));
  };
  set_limit("1");  // SQLite takes what the file has already
  const std::string large(2'000'000, 'x');
  const Heads before = org.writers->committed(*org.file);
  auto refused = org.run([&](Transaction& tx) -> Result<void> {
    if (auto done = append_audit(tx, audit_of("agent.create", org.clock.now())); !done) return done;
    return insert_rules(tx, 1, large);
  });
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::unavailable);
  CHECK(org.writers->committed(*org.file) == before);
  CHECK(org.fatal_calls == 0);
  set_limit("1000000");
  CHECK(org.run([&](Transaction& tx) { return insert_rules(tx, 1, large); }));
  org.audit("agent.create");
  CHECK(org.verify().ok());
}

TEST_CASE("on a full disk, the room kept for settlements lets them be written, and they alone") {
  auto options = plain_options();
  options.ballast_bytes = 1 << 20;
  OrgFile org(options);
  const std::string ballast = org.scratch.file("ballast");
  CHECK(std::filesystem::file_size(ballast) == 1 << 20);
  const auto held = reservation_of(org.scope, org.clock.now());
  REQUIRE(org.reserve(held));

  // As a disk that is full as long as the ballast is there.
  const auto needs_room = [&](Work work) -> Work {
    return [&, inner = std::move(work)](Transaction& tx) mutable -> Result<void> {
      if (std::filesystem::exists(ballast)) {
        return guarded([]() -> Result<void> { throw SQLite::Exception("full", SQLITE_FULL); });
      }
      return inner(tx);
    };
  };
  Answers answers(2);
  Gate gate(org);
  org.writers->submit(*org.file, Queue::bounded, needs_room(audit_work(org.clock.now())), answers.expect(0));
  org.writers->submit(*org.file, Queue::settle, needs_room([&](Transaction& tx) {
    return settle_call(tx, event_of(held, 3, org.clock.now()), org.group);
  }),
                      answers.expect(1));
  gate.open();
  const auto& results = answers.wait();
  REQUIRE_FALSE(results[0]);
  CHECK(results[0].error().code == Code::unavailable);
  CHECK(results[1]);
  CHECK_FALSE(std::filesystem::exists(ballast));
  CHECK(number(org.path, "SELECT count(*) FROM reservations") == 0);
  CHECK(org.verify().ok());
}

TEST_CASE("little room on the disk refuses new calls and lets those in flight settle") {
  auto options = plain_options();
  options.min_free_bytes = std::numeric_limits<std::int64_t>::max();
  OrgFile org(options);
  const auto refused = org.reserve(reservation_of(org.scope, org.clock.now()));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::unavailable);
  CHECK(org.run_in(Queue::settle, audit_work(org.clock.now())));
}

TEST_CASE("a damaged file is left alone, and the others serve") {
  OrgFile org;
  org.call(5);
  const std::int64_t root =
      number(org.path, "SELECT rootpage FROM sqlite_schema WHERE name = 'rule_snapshots'");
  const std::int64_t page = number(org.path, "PRAGMA page_size");
  auto other = org.writers->open(org.scratch.file("other.db"), FileKind::org, OrgId::mint(2));
  REQUIRE(other);
  org.close();
  overwrite(org.path, (root - 1) * page, std::string(static_cast<std::size_t>(page), '\x55'));
  org.open();
  const auto hit = org.run([](Transaction& tx) { return insert_rules(tx, 1, "{}"); });
  REQUIRE_FALSE(hit);
  CHECK(hit.error().code == Code::corrupt);
  const auto later = org.run_in(Queue::settle, audit_work(org.clock.now()));
  REQUIRE_FALSE(later);
  CHECK(later.error().code == Code::corrupt);
  CHECK(org.writers->run(**other, audit_work(org.clock.now())));
  CHECK(org.fatal_calls == 0);
}

TEST_CASE("a file that cannot be read is corrupt at opening") {
  OrgFile org;
  org.call(5);
  org.close();
  SECTION("all of it") { overwrite(org.path, 0, std::string(8192, 'x')); }
  SECTION("the ledger") {
    const std::int64_t root = number(org.path, "SELECT rootpage FROM sqlite_schema WHERE name = 'ledger'");
    overwrite(org.path, (root - 1) * 4096, std::string(4096, '\x55'));
  }
  const auto opened = org.writers->open(org.path, FileKind::org, org.org);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == Code::corrupt);
}

TEST_CASE("many threads and many files: nothing is lost and each chain holds") {
  auto options = plain_options();
  options.threads = 2;
  OrgFile first(options);
  std::vector<std::pair<OrgId, std::shared_ptr<File>>> files{{first.org, first.file}};
  for (int i = 0; i < 3; ++i) {
    const OrgId org = OrgId::mint(10 + i);
    auto file = first.writers->open(first.scratch.file(org.text() + ".db"), FileKind::org, org);
    REQUIRE(file);
    files.emplace_back(org, *file);
  }
  std::atomic<int> written = 0;
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 100; ++i) {
          auto& file = *files[static_cast<std::size_t>(i + t) % files.size()].second;
          first.writers->submit(file, i % 2 == 0 ? Queue::settle : Queue::bounded,
                                audit_work(first.clock.now()),
                                [&](Result<void> result) { written += result ? 1 : 0; });
          static_cast<void>(first.writers->committed_heads(file));
        }
      });
    }
  }
  std::int64_t rows = 0;
  for (auto& [org, file] : files) {
    const std::string path = first.writers->path(*file);
    first.writers->close(file);
    auto reader = Connection::open(path, Access::read);
    REQUIRE(reader);
    auto report = verify_file(**reader, FileKind::org, org, first.scratch.path(), test_signer(), nullptr);
    REQUIRE(report);
    CHECK(report->ok());
    rows += of(*report, domain::ChainTable::audit_logs).rows;
  }
  CHECK(written == 400);
  CHECK(rows == 400);
}
