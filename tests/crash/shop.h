#pragma once
// An organization on a SimDisk, and govd's rooms below HTTP run on it, again and again: what stays between two
// runs is Home, what a run is made of is Run. One input token costs one credit, one output token two.

#include <fmt/format.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "daemon/secrets/secrets.h"
#include "daemon/tenant/registry.h"
#include "tests/crash/arguments.h"
#include "tests/crash/sim_disk.h"

namespace govctl::test {

namespace asio = boost::asio;

template <class T>
T must(Result<T> result, const char* what) {
  if (!result) throw Failure(fmt::format("{}: {}", what, result.error().message));
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}
inline void must_be(bool holds, const char* what) {
  if (!holds) throw Failure(what);
}

// Wall and steady time; only the first may step back.
class TestClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return {wall_}; }
  [[nodiscard]] std::int64_t steady_micros() const override { return steady_; }
  void set(Timestamp wall) { wall_ = wall.micros; }
  void advance_seconds(std::int64_t seconds) {
    wall_ += seconds * micros_per_second;
    if (seconds > 0) steady_ += seconds * micros_per_second;
  }
  static constexpr Timestamp beginning{1'790'847'000'000'000};  // 2026-10-01T09:30:00Z

 private:
  std::atomic<std::int64_t> wall_ = beginning.micros;
  std::atomic<std::int64_t> steady_ = 1'000'000'000;
};

// An io_context with a thread of its own.
class Loop {
 public:
  Loop() : guard_(context_.get_executor()), thread_([this] { context_.run(); }) {}
  ~Loop() {
    guard_.reset();
    thread_.join();
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  template <class T>
  std::future<T> start(asio::awaitable<T> task) {
    auto promise = std::make_shared<std::promise<T>>();
    auto future = promise->get_future();
    asio::co_spawn(context_, deliver(std::move(task), promise), [](const std::exception_ptr& fault) {
      if (fault) std::rethrow_exception(fault);
    });
    return future;
  }
  template <class T>
  T run(asio::awaitable<T> task) {
    return start(std::move(task)).get();
  }
  // What was started has run as far as it can without others.
  void turn() {
    std::promise<void> turned;
    asio::post(context_, [&] { turned.set_value(); });
    turned.get_future().get();
  }

 private:
  template <class T>
  static asio::awaitable<void> deliver(asio::awaitable<T> task, std::shared_ptr<std::promise<T>> promise) {
    T value = co_await std::move(task);
    promise->set_value(std::move(value));
  }
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
  std::thread thread_;
};

// The directories and keys that no cut touches, and the disk under all the rest.
struct Home {
  Home();
  ~Home();
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;
  [[nodiscard]] std::string state_dir() const { return path + "/state"; }
  [[nodiscard]] std::string anchors_dir() const { return path + "/state/anchors"; }
  [[nodiscard]] std::string org_path(const OrgId& org) const {
    return state_dir() + "/orgs/" + org.text() + ".db";
  }
  // The anchors' logs, by name.
  [[nodiscard]] Image anchors() const;
  void put_anchors(const Image& logs) const;

  std::string path;
  TestClock clock;
  Loop loop;
  asio::thread_pool pool{1};
  std::unique_ptr<secrets::Keyring> keyring;
  SimDisk disk;
};

struct Agent {
  WorkspaceId workspace;
  AgentGroupId group;
  AgentId agent;
  KeyId key;
  domain::Hash hash{};
  [[nodiscard]] Uuid at(Level level, const OrgId& org) const;
};

// The store's threads, and what tenants need of a daemon.
class Serving {
 public:
  explicit Serving(Home& home);
  // What was queued is written. Nobody holds a tenant of it any more.
  ~Serving();
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;

  Home& home;
  tenant::PlatformView platform;
  std::unique_ptr<store::Writers> writers;
  tenant::Services services;
  std::atomic<bool> fatal = false;  // the store asked for the daemon's end

  // An organization's file by itself, as a start opens it, and as a stop closes it.
  std::shared_ptr<tenant::Tenant> open(const OrgId& org) const;
  void close(std::shared_ptr<tenant::Tenant> tenant) const;

  // --- what administrators do
  Result<bool> change(tenant::Tenant& org, std::move_only_function<Result<void>(store::Transaction&)> work);
  [[nodiscard]] domain::AuditRecord audit(const std::string& event) const;
  Result<store::Appended> append(tenant::Tenant& org, std::int64_t amount, const std::string& key,
                                 bool allow_negative);
  // What calls have recorded is rows.
  void catch_up(const tenant::Tenant& org) const;
  bool catch_up_if_it_can(const tenant::Tenant& org) const;

  // --- calls
  tenant::CallFacts facts(tenant::Caller caller, std::int64_t input, std::int64_t output) const;
  // The org's proof, with the heads and the sum in memory. The fault, or empty.
  [[nodiscard]] std::string fault(const tenant::Tenant& org) const;

 protected:
  [[nodiscard]] std::string fault_in(store::Connection& connection, store::FileKind kind, const OrgId& org,
                                     const store::Expected& expected) const;
  void stop_writing();
};

// The daemon's life between two starts.
class Run : public Serving {
 public:
  // Opens what lies on the disk. A Failure when the catalog cannot be opened.
  explicit Run(Home& home);
  // As the daemon stops, but for the anchors. Nobody holds a tenant of it any more.
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  std::unique_ptr<tenant::Registry> registry;

  // --- what administrators do
  std::shared_ptr<tenant::Tenant> make_org(const OrgId& org, const std::string& slug,
                                           std::optional<Credits> overdraft);
  Result<bool> price(const std::string& model);
  Agent add_agent(tenant::Tenant& org, const std::string& name);

  tenant::CallFacts facts(const Agent& who, std::int64_t input, std::int64_t output) const;
  [[nodiscard]] std::string catalog_fault() const;
};

using MaybeHold = std::expected<tenant::Hold, domain::Refusal>;
asio::awaitable<MaybeHold> reserve(tenant::CallFacts facts);
asio::awaitable<Result<domain::Charge>> settle(tenant::Hold hold, std::int64_t input, std::int64_t output);
constexpr std::int64_t price_of(std::int64_t input, std::int64_t output) { return input + 2 * output; }

}  // namespace govctl::test
