#pragma once
// A control front over a real registry in a directory of its own, spoken to through an exchange without a
// socket.

#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "common/api/fields.h"
#include "daemon/control/control.h"
#include "daemon/store/money.h"

namespace govctl::control::test {

using api::Json;

class HandClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return {micros_}; }
  [[nodiscard]] std::int64_t steady_micros() const override { return micros_; }
  void advance_seconds(std::int64_t seconds) { micros_ += seconds * micros_per_second; }

 private:
  std::atomic<std::int64_t> micros_ = 1'790'000'000'000'000;  // 2026-09-21T14:13:20Z
};

struct Sent {
  std::string method, target, body;
  http::Headers headers{{"Host", "govd"}};
  http::Peer peer{true, ::getuid(), ::getgid(), 1, "unix"};
};

struct Got {
  int status = 0;
  http::Headers headers;
  std::string body;
  Json json;
  [[nodiscard]] std::string header(std::string_view name) const {
    for (const auto& header : headers) {
      if (header.name.size() == name.size() &&
          ::strcasecmp(header.name.c_str(), std::string(name).c_str()) == 0) {
        return header.value;
      }
    }
    return {};
  }
  [[nodiscard]] std::string code() const { return text_of("code"); }
  [[nodiscard]] std::string message() const { return text_of("message"); }
  [[nodiscard]] std::string next() const { return text_of("next"); }

 private:
  [[nodiscard]] std::string text_of(const char* field) const {
    if (!json.is_object() || !json.contains("error") || !json["error"][field].is_string()) return {};
    return json["error"][field].get<std::string>();
  }
};

class FakeExchange final : public http::Exchange {
 public:
  FakeExchange(asio::io_context& context, const Sent& sent) : context_(context), sent_(sent) {}
  Got got;

  [[nodiscard]] std::string_view method() const override { return sent_.method; }
  [[nodiscard]] std::string_view target() const override { return sent_.target; }
  [[nodiscard]] std::string_view path() const override { return target().substr(0, target().find('?')); }
  [[nodiscard]] std::string_view query() const override {
    const std::size_t mark = target().find('?');
    return mark == std::string_view::npos ? std::string_view() : target().substr(mark + 1);
  }
  [[nodiscard]] std::string_view header(std::string_view name) const override {
    for (const auto& header : sent_.headers) {
      if (header.name.size() == name.size() &&
          ::strcasecmp(header.name.c_str(), std::string(name).c_str()) == 0) {
        return header.value;
      }
    }
    return {};
  }
  [[nodiscard]] http::Headers headers_with(std::string_view /*lower_prefix*/) const override { return {}; }
  [[nodiscard]] const http::Peer& peer() const override { return sent_.peer; }
  [[nodiscard]] asio::io_context& context() const override { return context_; }
  asio::awaitable<Result<std::string>> body() override { co_return sent_.body; }
  asio::awaitable<Result<void>> respond(http::Response response) override {
    got.status = response.status;
    got.headers = std::move(response.headers);
    got.body = std::move(response.body);
    co_return Result<void>{};
  }
  asio::awaitable<Result<void>> start(int status, http::Headers headers) override {
    got.status = status;
    got.headers = std::move(headers);
    co_return Result<void>{};
  }
  asio::awaitable<Result<void>> write(std::string_view bytes) override {
    got.body += bytes;
    co_return Result<void>{};
  }
  asio::awaitable<Result<void>> finish() override { co_return Result<void>{}; }
  asio::awaitable<Result<void>> finish(std::string_view bytes) override {
    got.body += bytes;
    co_return Result<void>{};
  }
  void abort() override { got.status = -1; }
  void on_disconnect(std::function<void()> /*gone*/) override {}

 private:
  asio::io_context& context_;
  const Sent& sent_;
};

class Daemon {
 public:
  Daemon() {
    std::string pattern = (std::filesystem::temp_directory_path() / "govctl-control-XXXXXX").string();
    root = ::mkdtemp(pattern.data());
    open();
  }
  ~Daemon() {
    close();
    std::error_code ignored;
    std::filesystem::remove_all(root, ignored);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  void open() {
    const std::string state = root + "/state";
    std::filesystem::create_directories(state + "/anchors");
    auto opened = secrets::Keyring::open(root + "/keys", std::filesystem::exists(state + "/catalog.db"));
    REQUIRE(opened);
    keyring = std::move(*opened);
    store::WriterOptions writing;
    writing.min_free_bytes = 0;
    writing.ballast_bytes = 0;
    writers = std::make_unique<store::Writers>(writing, clock, [](const Error&) {});
    pool = std::make_unique<asio::thread_pool>(2);
    tenant::Services services;
    services.writers = writers.get();
    services.keyring = keyring.get();
    services.clock = &clock;
    services.pool = pool.get();
    services.platform = &platform;
    services.anchors_dir = state + "/anchors";
    services.signer.sign = [this](std::span<const std::uint8_t> message) { return keyring->sign(message); };
    services.signer.verify = [this](std::span<const std::uint8_t> message,
                                    std::span<const std::uint8_t> signature) {
      return keyring->verify(message, signature);
    };
    registry = std::make_unique<tenant::Registry>(tenant::RegistryOptions{state}, services);
    auto loaded = registry->load();
    REQUIRE(loaded);
    options.owner_uid = ::getuid();
    options.state_dir = state;
    options.gateway_url = [] { return std::string("http://127.0.0.1:4683"); };
    options.started_steady = clock.steady_micros();
    control = std::make_unique<Control>(options, *registry);
  }
  void close() {
    if (!registry) return;
    control.reset();
    registry->close();
    registry.reset();
    pool->join();
    pool.reset();
    writers.reset();
    keyring.reset();
  }

  Got send(const Sent& sent) {
    asio::io_context context;
    FakeExchange exchange(context, sent);
    std::exception_ptr thrown;
    asio::co_spawn(context, control->handle(exchange),
                   [&](std::exception_ptr fault) { thrown = std::move(fault); });
    context.run();
    REQUIRE_FALSE(thrown);
    exchange.got.json = Json::parse(exchange.got.body, nullptr, false);
    return std::move(exchange.got);
  }
  Got send(std::string method, std::string target, const Json& body = Json()) {
    Sent sent;
    sent.method = std::move(method);
    sent.target = std::move(target);
    if (!body.is_null()) sent.body = body.dump();
    return send(sent);
  }
  Got get(std::string target) { return send("GET", std::move(target)); }
  // What must succeed; the answer.
  Json make(std::string method, std::string target, const Json& body = Json()) {
    const Got got = send(std::move(method), std::move(target), body);
    INFO(got.body);
    REQUIRE(got.status < 300);
    return got.json;
  }

  // acme/prod/support/triage.
  void make_acme() {
    make("POST", "/orgs", {{"name", "Acme"}, {"credits_per_usd", 1'000'000}});
    make("POST", "/orgs/acme/workspaces", {{"name", "Prod"}});
    make("POST", "/workspaces/acme%2Fprod/agent-groups", {{"name", "Support"}});
    make("POST", "/agent-groups/acme%2Fprod%2Fsupport/agents", {{"name", "Triage"}});
  }

  std::size_t audit_rows(const std::string& org) {
    return get(org.empty() ? "/audit" : "/orgs/" + org + "/audit").json["total"].get<std::size_t>();
  }

  // A call that was made and charged, as the gateway records it.
  RequestId make_call(const std::string& org, std::int64_t credits, const std::string& user = "",
                      const std::string& model = "gpt-4o") {
    auto tenant = registry->find_slug(org);
    const auto snapshot = tenant->snapshot();
    const tenant::Node* key = nullptr;
    for (const auto& node : snapshot->nodes()) {
      if (node.level == Level::key) key = &node;
    }
    REQUIRE(key != nullptr);
    domain::UsageEvent event;
    event.request_id = RequestId::mint(clock.now().millis());
    event.scope = snapshot->scope(*key);
    event.user = user;
    event.dialect = "chat";
    event.provider = "openai";
    event.model = model;
    event.price_model = model;
    event.price_version = 1;
    event.credits_per_usd = 1'000'000;
    event.usage[domain::PriceKind::input] = 100;
    event.usage[domain::PriceKind::cache_read] = 20;
    event.usage[domain::PriceKind::output] = 50;
    event.cost_usd = "0.00075";
    event.reserved = Credits::of(credits);
    event.credits_charged = Credits::of(credits);
    event.latency_ms = 12;
    event.attempts = 1;
    event.created_at = clock.now();
    domain::Reservation held;
    held.request_id = event.request_id;
    held.scope = event.scope;
    held.dialect = event.dialect;
    held.provider = event.provider;
    held.model = held.price_model = event.model;
    held.reserved = event.reserved;
    held.created_at = event.created_at;
    const BillingGroupId group = snapshot->config().org.billing_group;
    auto written = writers->run(tenant->file(), [&](store::Transaction& tx) -> Result<void> {
      if (auto done = store::insert_reservation(tx, held); !done) return done;
      return store::settle_call(tx, event, group);
    });
    INFO((written ? "" : written.error().message));
    REQUIRE(written);
    return event.request_id;
  }

  std::string root;
  HandClock clock;
  tenant::PlatformView platform;
  std::unique_ptr<secrets::Keyring> keyring;
  std::unique_ptr<store::Writers> writers;
  std::unique_ptr<asio::thread_pool> pool;
  std::unique_ptr<tenant::Registry> registry;
  ControlOptions options;
  std::unique_ptr<Control> control;
};

}  // namespace govctl::control::test
