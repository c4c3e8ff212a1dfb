#pragma once
// An organization's file in a directory of its own, with a writer and a clock that the test turns.

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <stdlib.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>

#include "daemon/store/money.h"
#include "daemon/store/verify.h"
#include "daemon/store/writer.h"

namespace govctl::store::test {

class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "govctl-store-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class HandClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return {micros_}; }
  [[nodiscard]] std::int64_t steady_micros() const override { return micros_; }
  void advance(std::int64_t micros) { micros_ += micros; }

 private:
  std::atomic<std::int64_t> micros_ = 1'790'000'000'000'000;
};

constexpr std::int64_t day = 86'400'000'000;

inline domain::Scope some_scope(const OrgId& org) {
  return {org, WorkspaceId::mint(1), AgentGroupId::mint(1), AgentId::mint(1), KeyId::mint(1)};
}

inline domain::Reservation reservation_of(const domain::Scope& scope, Timestamp at) {
  domain::Reservation reservation;
  reservation.request_id = RequestId::mint(at.millis());
  reservation.scope = scope;
  reservation.dialect = "chat";
  reservation.provider = "openai";
  reservation.model = "gpt-4o-mini-2024-07-18";
  reservation.price_model = "gpt-4o-mini";
  reservation.price_version = 3;
  reservation.credits_per_usd = 1'000'000;
  reservation.stream = true;
  reservation.reserved = Credits::of(500);
  reservation.rules_id = 42;
  reservation.created_at = at;
  return reservation;
}

// With a value in every column.
inline domain::UsageEvent event_of(const domain::Reservation& held, std::int64_t credits, Timestamp at) {
  domain::UsageEvent event;
  event.request_id = held.request_id;
  event.client_request_id = "client-1";
  event.scope = held.scope;
  event.user = "alice";
  event.session = "s-1";
  event.tags = R"({"team":"a"})";
  event.dialect = held.dialect;
  event.provider = held.provider;
  event.model = held.model;
  event.price_model = held.price_model;
  event.price_version = held.price_version;
  event.credits_per_usd = held.credits_per_usd;
  event.usage.quantity = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  event.cost_usd = "0.000027";
  event.reserved = held.reserved;
  event.credits_charged = Credits::of(credits);
  event.latency_ms = 120;
  event.first_byte_ms = 30;
  event.attempts = 1;
  event.status = domain::CallStatus::success;
  event.cause = "none";
  event.completion = "complete";
  event.flags.set(domain::CallFlag::clamped);
  event.flags.set(domain::CallFlag::waited);
  event.error_message = "-";
  event.rules_id = held.rules_id;
  event.decision = R"({"limit":1})";
  event.created_at = at;
  return event;
}

inline domain::LedgerEntry purchase_of(const BillingGroupId& group, std::int64_t amount, const std::string& key,
                                       Timestamp at) {
  domain::LedgerEntry entry;
  entry.id = EntryId::mint(at.millis());
  entry.group_id = group;
  entry.amount = Credits::of(amount);
  entry.type = domain::EntryType::credit_purchase;
  entry.idempotency_key = "purchase:" + key;
  entry.metadata = R"({"invoice":"1"})";
  entry.actor = "local";
  entry.created_at = at;
  return entry;
}

// With a value in every column that is written today.
inline domain::AuditRecord audit_of(const std::string& event_type, Timestamp at) {
  domain::AuditRecord record;
  record.id = AuditId::mint(at.millis());
  record.actor_kind = "local";
  record.actor = "uid:1000";
  record.event_type = event_type;
  record.resource_type = "agent";
  record.resource_id = "id-1";
  record.resource_name = "acme/prod/support/triage";
  record.description = "made an agent";
  record.metadata = R"({"a":1})";
  record.request_id = RequestId::mint(at.millis());
  record.correlation_id = "corr-1";
  record.ip = "127.0.0.1";
  record.user_agent = "govctl/1";
  record.created_at = at;
  return record;
}

// Stands for Ed25519: only who knows the word can make a signature.
inline Signer test_signer(const std::string& word = "signing key") {
  const auto sign = [word](std::span<const std::uint8_t> message) {
    const std::string text = word + std::string(message.begin(), message.end());
    const domain::Hash hash = domain::sha256(text);
    return std::vector<std::uint8_t>(hash.begin(), hash.end());
  };
  return {sign, [sign](std::span<const std::uint8_t> message, std::span<const std::uint8_t> signature) {
            return std::ranges::equal(sign(message), signature);
          }};
}

inline WriterOptions plain_options() {
  WriterOptions options;
  options.threads = 1;
  options.min_free_bytes = 0;
  options.ballast_bytes = 0;
  return options;
}

struct OrgFile {
  explicit OrgFile(const WriterOptions& options = plain_options(), OrgId id = OrgId::mint(1))
      : org(id), scope(some_scope(id)), path(scratch.file("org.db")) {
    writers = std::make_unique<Writers>(options, clock, [this](const Error& error) {
      ++fatal_calls;
      fatal_error = error.message;
    });
    open();
  }
  void open() {
    auto opened = writers->open(path, FileKind::org, org);
    REQUIRE(opened);
    file = *opened;
  }
  // Nobody has the file open afterwards.
  void close() {
    writers->close(file);
    file.reset();
  }
  std::unique_ptr<Connection> reader() const {
    auto connection = Connection::open(path, Access::read);
    REQUIRE(connection);
    return std::move(*connection);
  }
  Result<void> run(Work work) { return writers->run(*file, std::move(work)); }
  // Queues it in `queue` and waits.
  Result<void> run_in(Queue queue, Work work) {
    std::promise<Result<void>> promise;
    auto result = promise.get_future();
    writers->submit(*file, queue, std::move(work),
                    [&](Result<void> done) { promise.set_value(std::move(done)); });
    return result.get();
  }
  // Durable when it returns, in the journal at least.
  Result<void> record(CallRecord call) {
    std::promise<Result<void>> promise;
    auto result = promise.get_future();
    writers->submit_call(*file, std::move(call),
                         [&](Result<void> done) { promise.set_value(std::move(done)); });
    return result.get();
  }
  // What was recorded so far is rows.
  Result<void> catch_up() {
    return run_in(Queue::settle, [](Transaction&) { return Result<void>{}; });
  }
  Result<void> reserve(const domain::Reservation& held) {
    auto done = record(Reserved{held, {}});
    return done ? catch_up() : done;
  }
  Result<void> settle(const domain::UsageEvent& event) {
    auto done = record(Settled{std::make_shared<const domain::UsageEvent>(event), group});
    return done ? catch_up() : done;
  }
  // A whole call.
  domain::UsageEvent call(std::int64_t credits) { return call(credits, scope, clock.now()); }
  domain::UsageEvent call(std::int64_t credits, const domain::Scope& whose, Timestamp at) {
    const auto held = reservation_of(whose, at);
    REQUIRE(reserve(held));
    const auto event = event_of(held, credits, at);
    REQUIRE(settle(event));
    return event;
  }
  Result<Appended> append(const domain::LedgerEntry& entry) {
    Result<Appended> appended = fail(Code::internal, "not run");
    auto done = run([&](Transaction& tx) -> Result<void> {
      appended = append_entry(tx, entry);
      if (!appended) return std::unexpected(appended.error());
      return {};
    });
    if (!done) return std::unexpected(done.error());
    return appended;
  }
  void audit(const std::string& event_type) {
    REQUIRE(run([&](Transaction& tx) { return append_audit(tx, audit_of(event_type, clock.now())); }));
  }
  std::size_t anchor(const Signer& signer = test_signer()) {
    auto written = write_anchors(*writers, *file, org, scratch.path(), signer, clock.now());
    REQUIRE(written);
    return *written;
  }
  [[nodiscard]] Report verify(const Expected* expected = nullptr, const Signer& signer = test_signer()) const {
    auto connection = reader();
    auto report = verify_file(*connection, FileKind::org, org, scratch.path(), signer, expected);
    REQUIRE(report);
    return *report;
  }
  [[nodiscard]] std::string anchor_log() const { return scratch.file(org.text() + ".log"); }

  Scratch scratch;
  HandClock clock;
  OrgId org;
  BillingGroupId group = BillingGroupId::mint(1);
  domain::Scope scope;
  std::string path;
  std::atomic<int> fatal_calls = 0;
  std::string fatal_error;
  std::unique_ptr<Writers> writers;
  std::shared_ptr<File> file;
};

inline std::int64_t number(const std::string& path, const std::string& sql) {
  const SQLite::Database database(path, SQLite::OPEN_READONLY);
  SQLite::Statement select(database, sql);
  REQUIRE(select.executeStep());
  return select.getColumn(0).getInt64();
}

inline const TableReport& of(const Report& report, domain::ChainTable table) {
  return *std::ranges::find(report.tables, table, &TableReport::table);
}

// What somebody with the file and no key can do: the triggers go first.
inline void attack(const std::string& path, const std::string& sql) {
  SQLite::Database database(path, SQLite::OPEN_READWRITE);
  database.exec("PRAGMA synchronous = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF");
  for (const char* table : {"ledger", "usage_events", "audit_logs"}) {
    database.exec(
        fmt::format("DROP TRIGGER IF EXISTS {0}_no_update; DROP TRIGGER IF EXISTS {0}_no_delete", table));
  }

  database.exec(sql);
}

}  // namespace govctl::store::test
