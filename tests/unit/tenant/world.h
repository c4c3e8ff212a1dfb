// An organization with its files, keys and writers in a directory of its own, and clocks that the test turns.
// One input token costs one credit, one output token two.

#pragma once

#include <SQLiteCpp/SQLiteCpp.h>
#include <stdlib.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "daemon/secrets/secrets.h"
#include "daemon/store/aliases.h"
#include "daemon/store/budgets.h"
#include "daemon/store/catalog.h"
#include "daemon/store/credentials.h"
#include "daemon/store/keys.h"
#include "daemon/store/orgs.h"
#include "daemon/store/policies.h"
#include "daemon/store/units.h"
#include "daemon/tenant/registry.h"

namespace govctl::tenant::test {

class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "govctl-tenant-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Wall and steady time are turned apart: only the first may step back.
class HandClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return {wall_}; }
  [[nodiscard]] std::int64_t steady_micros() const override { return steady_; }
  void set(const char* text) { wall_ = parse_rfc3339(text)->micros; }
  void advance_seconds(std::int64_t seconds) {
    wall_ += seconds * 1'000'000;
    steady_ += seconds * 1'000'000;
  }

 private:
  std::atomic<std::int64_t> wall_ = 1'790'847'000'000'000;  // 2026-10-01T09:30:00Z
  std::atomic<std::int64_t> steady_ = 1'000'000'000;
};

// An io_context with a thread of its own, as each of the daemon's.
class Loop {
 public:
  Loop() : guard_(context->get_executor()), thread_([this] { context->run(); }) {}
  ~Loop() { end(); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  void halt() {
    guard_.reset();
    context->stop();
    if (thread_.joinable()) thread_.join();
  }
  // Coroutines that have not ended die with the context, as at a teardown. Nobody may be about to wake it.
  void end() {
    if (!context) return;
    halt();
    context.reset();
  }
  // What the task returns, once it does.
  template <class T>
  std::future<T> start(asio::awaitable<T> task) {
    auto promise = std::make_shared<std::promise<T>>();
    auto future = promise->get_future();
    asio::co_spawn(*context, deliver(std::move(task), promise), [](const std::exception_ptr& fault) {
      if (fault) std::rethrow_exception(fault);
    });
    return future;
  }
  template <class T>
  T run(asio::awaitable<T> task) {
    return start(std::move(task)).get();
  }

  std::unique_ptr<asio::io_context> context = std::make_unique<asio::io_context>(1);

 private:
  template <class T>
  static asio::awaitable<void> deliver(asio::awaitable<T> task, std::shared_ptr<std::promise<T>> promise) {
    T value = co_await std::move(task);
    promise->set_value(std::move(value));
  }
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
  std::thread thread_;
};

using Reserved = std::expected<Hold, domain::Refusal>;

struct Agent {
  WorkspaceId workspace;
  AgentGroupId group;
  AgentId agent;
  KeyId key;
  domain::Hash hash{};
  [[nodiscard]] Uuid at(Level level, const OrgId& org) const {
    switch (level) {
      case Level::org:
        return org.bytes;
      case Level::workspace:
        return workspace.bytes;
      case Level::group:
        return group.bytes;
      case Level::agent:
        return agent.bytes;
      case Level::key:
        break;
    }
    return key.bytes;
  }
};

// What a call may use: with 100 bytes of input it holds 100 + 2 x output credits.
struct Sizes {
  std::int64_t input = 100;
  std::int64_t output = 50;
};

// A disk whose syncs wait until they are let go.
class SlowDisk {
 public:
  void hold() { held_ = true; }
  void let_go() {
    held_ = false;
    held_.notify_all();
  }
  [[nodiscard]] bool waits() const { return waiting_; }

  static Result<std::unique_ptr<store::BlockFile>> make(std::shared_ptr<SlowDisk> disk, const std::string& path,
                                                        std::uint64_t bytes) {
    auto real = store::make_block_file(path, bytes);
    if (!real) return std::unexpected(real.error());
    return std::make_unique<Blocks>(std::move(disk), std::move(*real));
  }

 private:
  class Blocks final : public store::BlockFile {
   public:
    Blocks(std::shared_ptr<SlowDisk> disk, std::unique_ptr<store::BlockFile> real)
        : disk_(std::move(disk)), real_(std::move(real)) {}
    Result<void> write(std::uint64_t offset, std::span<const char> bytes) override {
      return real_->write(offset, bytes);
    }
    Result<void> sync() override {
      disk_->waiting_ = true;
      disk_->held_.wait(true);
      disk_->waiting_ = false;
      return real_->sync();
    }

   private:
    std::shared_ptr<SlowDisk> disk_;
    std::unique_ptr<store::BlockFile> real_;
  };
  std::atomic<bool> held_ = false;
  std::atomic<bool> waiting_ = false;
};

class World {
 public:
  explicit World(std::optional<Credits> overdraft = std::nullopt) {
    start();
    domain::Org org;
    org.id = OrgId::mint(1);
    org.billing_group = BillingGroupId::mint(1);
    org.slug = "acme";
    org.name = "Acme";
    org.credits_per_usd = 1'000'000;
    org.overdraft = overdraft;
    org.created_at = org.updated_at = clock.now();
    auto made = loop.run(registry->create_org(org, audit("org.create"), false));
    REQUIRE(made);
    tenant = *made;
    org_id = org.id;
    domain::ModelPrice row;
    row.provider = "mock";
    row.model = "mock-unit";
    row.prices = {{domain::PriceKind::input, *Price::parse("0.001"), 1000},
                  {domain::PriceKind::output, *Price::parse("0.002"), 1000}};
    row.source = "test";
    std::move_only_function<Result<bool>(store::Transaction&)> work =
        [row](store::Transaction& tx) -> Result<bool> {
      if (auto ok = store::put_model(tx, row); !ok) return std::unexpected(ok.error());
      return true;
    };
    const auto priced = loop.run(registry->change<bool>(std::move(work), false));
    REQUIRE(priced);
    agent = add_agent("one");
  }
  ~World() {
    // The daemon's order: loops stand, the pool is joined, the files are closed, and then what they woke may
    // go.
    loop.halt();
    pool.join();
    registry->close();
    loop.end();
    tenant.reset();
    registry.reset();
    writers.reset();
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // A daemon's life on these files.
  void start() {
    writers = std::make_unique<store::Writers>(options, clock, [](const Error&) { std::abort(); });
    auto opened = secrets::Keyring::open(scratch.path() + "/keys",
                                         std::filesystem::exists(scratch.path() + "/state/catalog.db"));
    REQUIRE(opened);
    keyring = std::move(*opened);
    std::filesystem::create_directories(scratch.path() + "/state");
    Services services;
    services.writers = writers.get();
    services.keyring = keyring.get();
    services.clock = &clock;
    services.pool = &pool;
    services.platform = &platform;
    services.anchors_dir = scratch.path() + "/state/anchors";
    services.signer.sign = [this](std::span<const std::uint8_t> message) { return keyring->sign(message); };
    services.signer.verify = [this](std::span<const std::uint8_t> message,
                                    std::span<const std::uint8_t> signature) {
      return keyring->verify(message, signature);
    };
    registry = std::make_unique<Registry>(RegistryOptions{scratch.path() + "/state"}, services);
    REQUIRE(registry->load());
    if (org_id.empty()) return;
    tenant = registry->find(org_id);
  }
  void stop() {
    if (!registry) return;
    registry->close();
    tenant.reset();
    registry.reset();
    writers.reset();
  }
  // What calls have recorded is rows, where the file still takes any.
  void catch_up() const {
    if (tenant)
      static_cast<void>(writers->run(tenant->file(), [](store::Transaction&) { return Result<void>{}; }));
  }
  // What the writer has called back so far, it has left.
  void settle_writer() const {
    REQUIRE(writers->run(tenant->file(), [](store::Transaction&) { return Result<void>{}; }));
  }
  void slow_disk() {
    slow = std::make_shared<SlowDisk>();
    options.make_journal = [disk = slow](const std::string& path, std::uint64_t bytes) {
      return SlowDisk::make(disk, path, bytes);
    };
    restart();
  }
  void restart() {
    stop();
    start();
    REQUIRE(tenant);
  }

  // --- what administrators do
  template <class F>
  Result<bool> change(F work) {
    std::move_only_function<Result<bool>(store::Transaction&)> wrapped =
        [work = std::move(work)](store::Transaction& tx) -> Result<bool> {
      if (auto ok = work(tx); !ok) return std::unexpected(ok.error());
      return true;
    };
    return loop.run(tenant->change<bool>(std::move(wrapped), false));
  }
  Agent add_agent(const std::string& name, std::optional<std::int64_t> key_limit = std::nullopt) {
    Agent made{WorkspaceId::mint(1), AgentGroupId::mint(1), AgentId::mint(1), KeyId::mint(1),
               domain::sha256("key of " + name)};
    const Timestamp now = clock.now();
    REQUIRE(change([&, now](store::Transaction& tx) -> Result<void> {
      domain::Workspace workspace{made.workspace, name, name, "", true, {}, 1, now, now};
      if (auto ok = store::insert_workspace(tx, org_id, workspace); !ok) return ok;
      domain::AgentGroup group{made.group, made.workspace, name, name, "", true, {}, 1, now, now};
      if (auto ok = store::insert_group(tx, group); !ok) return ok;
      domain::Agent row{made.agent, made.group, name, name, "", true, {}, 1, now, now};
      if (auto ok = store::insert_agent(tx, row); !ok) return ok;
      domain::ApiKey key;
      key.id = made.key;
      key.agent = made.agent;
      key.name = "k";
      key.suffix = "12345678";
      key.hash = made.hash;
      if (key_limit) key.limit = Credits::of(*key_limit);
      key.created_at = now;
      return store::insert_key(tx, key);
    }));
    REQUIRE(loop.run(registry->index_key(made.hash, org_id)));
    return made;
  }
  BudgetId add_budget(Level level, domain::Period period, std::int64_t limit, bool auto_disable = false) {
    return add_budget_at(level, agent.at(level, org_id), period, limit, auto_disable);
  }
  BudgetId add_budget_at(Level level, const Uuid& target, domain::Period period, std::int64_t limit,
                         bool auto_disable = false) {
    domain::Budget budget;
    budget.id = BudgetId::mint(1);
    budget.level = level;
    budget.target = target;
    budget.period = period;
    budget.limit = Credits::of(limit);
    budget.auto_disable = auto_disable;
    REQUIRE(change([&](store::Transaction& tx) { return store::insert_budget(tx, budget); }));
    return budget.id;
  }
  void add_policy(domain::Policy policy, Level level = Level::org) {
    policy.id = PolicyId::mint(1);
    policy.level = level;
    policy.target = agent.at(level, org_id);
    if (policy.name.empty()) policy.name = "default";
    REQUIRE(change([&](store::Transaction& tx) { return store::insert_policy(tx, policy); }));
  }
  Result<store::Appended> append(std::int64_t amount, const std::string& key, bool allow_negative = false,
                                 bool dry_run = false) {
    domain::LedgerEntry entry;
    entry.id = EntryId::mint(clock.now().millis());
    entry.group_id = group();
    entry.amount = Credits::of(amount);
    entry.type = amount > 0 ? domain::EntryType::credit_purchase : domain::EntryType::adjustment;
    entry.idempotency_key = "test:" + key;
    entry.actor = "test";
    entry.created_at = clock.now();
    return loop.run(tenant->append(entry, audit("ledger.append"), allow_negative, dry_run));
  }
  Result<store::Appended> refund(const RequestId& request, std::optional<std::int64_t> amount,
                                 const std::string& key, const std::string& reason = "") {
    std::optional<Credits> credits;
    if (amount) credits = Credits::of(*amount);
    return loop.run(tenant->refund(request, credits, key, reason, audit("ledger.refund"), false));
  }
  [[nodiscard]] BillingGroupId group() const { return tenant->snapshot()->config().org.billing_group; }
  [[nodiscard]] domain::AuditRecord audit(const std::string& event) const {
    domain::AuditRecord record;
    record.id = AuditId::mint(clock.now().millis());
    record.actor_kind = "local";
    record.actor = "test";
    record.event_type = event;
    record.resource_type = "test";
    record.resource_id = "1";
    record.description = "test";
    record.created_at = clock.now();
    return record;
  }

  // --- calls
  CallFacts facts(const Agent& who, Sizes sizes) {
    CallFacts facts;
    auto caller = registry->authenticate(who.hash);
    REQUIRE(caller);
    facts.caller = *caller;
    facts.request_id = RequestId::mint(clock.now().millis());
    facts.dialect = "chat";
    facts.ask.model = "mock-unit";
    facts.ask.text_bytes = sizes.input;
    facts.ask.max_tokens = sizes.output;
    facts.began = clock.now();
    facts.began_steady = clock.steady_micros();
    return facts;
  }
  static asio::awaitable<Reserved> reserve_task(CallFacts facts) {
    auto found = route(facts.caller, facts.ask.model);
    if (!found) co_return std::unexpected(found.error());
    co_return co_await facts.caller.tenant->reserve(facts, *found);
  }
  // Without REQUIRE: it runs on a loop's thread.
  static asio::awaitable<Result<domain::Charge>> settle_task(Hold hold, Sizes used) {
    hold.outcome().sent = true;
    hold.outcome().status = domain::CallStatus::success;
    domain::Usage usage;
    usage[domain::PriceKind::input] = used.input;
    usage[domain::PriceKind::output] = used.output;
    hold.outcome().usage = usage;
    co_return co_await hold.settle();
  }
  std::future<Reserved> start_reserve(const Agent& who, Sizes sizes) {
    return loop.start(reserve_task(facts(who, sizes)));
  }
  Reserved reserve(const Agent& who, Sizes sizes) { return start_reserve(who, sizes).get(); }
  Reserved reserve(Sizes sizes = {}) { return reserve(agent, sizes); }
  domain::Charge settle(Hold hold, Sizes used) {
    auto charge = loop.run(settle_task(std::move(hold), used));
    REQUIRE(charge);
    return *charge;
  }
  // A whole call; the request's id.
  RequestId call(const Agent& who, Sizes used) {
    CallFacts of_call = facts(who, used);
    const RequestId id = of_call.request_id;
    auto hold = loop.run(reserve_task(std::move(of_call)));
    REQUIRE(hold);
    settle(std::move(*hold), used);
    return id;
  }
  RequestId call(Sizes used = {}) { return call(agent, used); }

  // Waits until `what` is true, a while at most.
  template <class F>
  static bool soon(F what) {
    for (int i = 0; i < 2'000; ++i) {
      if (what()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
  template <class T>
  static bool ready(std::future<T>& future, std::chrono::milliseconds wait = std::chrono::milliseconds(0)) {
    return future.wait_for(wait) == std::future_status::ready;
  }

  // --- what is there
  [[nodiscard]] std::string path() const { return scratch.path() + "/state/orgs/" + org_id.text() + ".db"; }
  [[nodiscard]] std::int64_t number(const std::string& sql) const {
    catch_up();
    const SQLite::Database database(path(), SQLite::OPEN_READONLY);
    SQLite::Statement select(database, sql);
    REQUIRE(select.executeStep());
    return select.getColumn(0).getInt64();
  }
  [[nodiscard]] std::string text(const std::string& sql) const {
    catch_up();
    const SQLite::Database database(path(), SQLite::OPEN_READONLY);
    SQLite::Statement select(database, sql);
    REQUIRE(select.executeStep());
    return select.getColumn(0).getString();
  }
  [[nodiscard]] Spend spend(Level level = Level::org) const { return tenant->spend(agent.at(level, org_id)); }
  // Nothing is held, and memory agrees with the database and with what the next start would make of it.
  void check_settled() {
    CHECK(tenant->inflight() == 0);
    CHECK(tenant->balance().reserved.value() == 0);
    CHECK(number("SELECT count(*) FROM reservations") == 0);
    CHECK(tenant->balance().balance.value() == number("SELECT coalesce(sum(amount), 0) FROM ledger"));
    CHECK(number("SELECT coalesce(sum(credits_charged), 0) FROM usage_events") ==
          -number("SELECT coalesce(sum(amount), 0) FROM ledger WHERE type = 'USAGE_DEDUCTION'"));
    std::array<Spend, level_count> before;
    for (std::size_t i = 0; i < level_count; ++i) before[i] = spend(static_cast<Level>(i));
    restart();
    for (std::size_t i = 0; i < level_count; ++i) {
      INFO(level_word(static_cast<Level>(i)));
      const Spend after = spend(static_cast<Level>(i));
      CHECK(before[i].held.value() == 0);
      CHECK(after.total.value() == before[i].total.value());
      CHECK(after.month.value() == before[i].month.value());
      CHECK(after.day.value() == before[i].day.value());
    }
    auto report = loop.run(registry->verify(tenant));
    REQUIRE(report);
    CHECK(report->ok());
  }

  static store::WriterOptions plain_options() {
    store::WriterOptions options;
    options.threads = 1;
    options.min_free_bytes = 0;
    options.ballast_bytes = 0;
    return options;
  }

  Scratch scratch;
  HandClock clock;
  store::WriterOptions options = plain_options();
  std::shared_ptr<SlowDisk> slow;  // under the journals, after slow_disk()
  asio::thread_pool pool{1};
  PlatformView platform;
  std::unique_ptr<store::Writers> writers;
  std::unique_ptr<secrets::Keyring> keyring;
  std::unique_ptr<Registry> registry;
  std::shared_ptr<Tenant> tenant;
  OrgId org_id;
  Agent agent;
  Loop loop;  // last: its thread uses the rest
};

}  // namespace govctl::tenant::test
